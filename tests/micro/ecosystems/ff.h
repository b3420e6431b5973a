/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
typedef unsigned int UINT;
typedef uint8_t BYTE;
typedef uint32_t DWORD;
typedef uint64_t QWORD;
typedef DWORD FSIZE_t;
typedef char TCHAR;
typedef enum { FR_OK = 0, FR_DISK_ERR, FR_INT_ERR, FR_NOT_READY, FR_NO_FILE } FRESULT;
typedef struct {
    struct {
        FSIZE_t objsize;
    } obj;
    FSIZE_t fptr;
} FIL;
#define FA_READ 0x01
#define FA_WRITE 0x02
#define FA_OPEN_ALWAYS 0x10
FRESULT f_open(FIL *fp, const TCHAR *path, BYTE mode);
FRESULT f_close(FIL *fp);
FRESULT f_read(FIL *fp, void *buff, UINT btr, UINT *br);
FRESULT f_write(FIL *fp, const void *buff, UINT btw, UINT *bw);
FRESULT f_lseek(FIL *fp, FSIZE_t ofs);
FRESULT f_sync(FIL *fp);
#define f_size(fp) ((fp)->obj.objsize)
