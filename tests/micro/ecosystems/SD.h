/* SPDX-License-Identifier: Apache-2.0 */
#include <cstdint>
#include <cstring>
#define O_READ 0x01
#define O_WRITE 0x02
#define O_APPEND 0x04
#define O_CREAT 0x10
extern "C" uint8_t fake_medium[];
extern "C" uint32_t fake_bytes;
extern "C" int fake_missing;
extern "C" void fake_counted(void);
static uint32_t sd_size;
class File {
  bool there = false;
  uint32_t position = 0;

public:
  File() = default;
  explicit File(bool opened) : there(opened) {}
  operator bool() { return there; }
  uint32_t size() { return sd_size; }
  bool seek(uint32_t pos) {
    if (!there || pos > sd_size) return false;
    position = pos;
    return true;
  }
  int read(void *buf, uint16_t nbyte) {
    fake_counted();
    if (!there || fake_missing || position + nbyte > sd_size) return -1;
    memcpy(buf, fake_medium + position, nbyte);
    position += nbyte;
    return nbyte;
  }
  size_t write(const uint8_t *buf, size_t size) {
    if (!there || fake_missing || position + size > fake_bytes) return 0;
    memcpy(fake_medium + position, buf, size);
    position += static_cast<uint32_t>(size);
    if (position > sd_size) sd_size = position;
    return size;
  }
  void flush() {}
  void close() { there = false; }
};
class SDClass {
public:
  File open(const char *filename, uint8_t mode) {
    (void)filename;
    return File(!fake_missing && (mode & O_APPEND) == 0 && (mode & O_WRITE) != 0);
  }
};
static SDClass SD;
