// The registers are objects: what is stored in one goes to a played UART, and the driver's interrupt handler is called
// as the hardware would. At the line's other end a server takes requests as tinyseg_tvm/micro/remote_storage.py does.
#include <deque>
#include <vector>
#include <cstring>
extern "C" {
#include "driver_faults.h"
#include "tinyseg_crc32.h"
}

static uint32_t register_read(uint32_t offset);
static void register_write(uint32_t offset, uint32_t value);

#define UART 0x40005000u

struct Register { // read where its value is used, or where nothing is done with it
    uint32_t address;
    mutable bool touched;
    explicit Register(uint32_t at) : address(at), touched(false) {}
    operator uint32_t() const { touched = true; return register_read(address - UART); }
    void operator=(uint32_t value) { touched = true; register_write(address - UART, value); }
    ~Register() { if (!touched) { (void)register_read(address - UART); } }
};

extern "C" {
#include "uart_storage.inc"
}

static uart_storage driver;
static std::deque<uint8_t> line; // from the server
static std::vector<uint8_t> request, late;
static bool active, enabled;
static tinyseg_storage_status (*driver_poll)(void *);

static void deliver(size_t most)
{
    for (; most != 0u && !line.empty() && enabled; --most) {
        uart_storage_interrupt(&driver);
    }
}

static void put(std::vector<uint8_t> &to, uint32_t number, unsigned bytes)
{
    for (; bytes != 0u; --bytes, number >>= 8) {
        to.push_back((uint8_t)number);
    }
}

static void serve()
{
    const uint8_t kind = request[1], number = request[2];
    uint32_t length = request[3] | (uint32_t)request[4] << 8, offset = 0;
    std::memcpy(&offset, &request[5], 4);
    std::vector<uint8_t> data, answer;
    now = NONE;
    if (kind != 'H') {
        operation();
    }
    const outcome found = outcome_of(offset, length);
    if (kind == 'W' && !found.lost && now != REFUSE) {
        for (uint32_t i = 0; i < found.bytes; ++i) {
            medium[found.offset + i] = request[9u + i] ^ (i == 0u ? found.flip : 0u);
        }
    } else if (kind == 'R') {
        for (uint32_t i = 0; i < length; ++i) {
            data.push_back(found.lost || i >= found.bytes ? 0xFFu : medium[found.offset + i]);
        }
        data[0] ^= found.flip;
    } else if (kind == 'H') {
        put(data, MEDIUM_BYTES, 4);
    }
    if (now == REFUSE) {
        data.clear();
    }
    answer.push_back(0x5Au);
    answer.push_back(now == REFUSE ? 1u : 0u);
    answer.push_back(number);
    put(answer, (uint32_t)data.size(), 2);
    answer.insert(answer.end(), data.begin(), data.end());
    put(answer, tinyseg_crc32(0, answer.data() + 1, (uint32_t)answer.size() - 1u), 4);
    if (now == LATE && late.empty()) { // repeated, and only then answered twice
        late = answer;
        return;
    }
    line.insert(line.end(), late.begin(), late.end());
    late.clear();
    for (unsigned times = now == DOUBLED ? 2u : 1u; times != 0u && !silent; --times) {
        line.insert(line.end(), answer.begin(), answer.end());
    }
}

static void sent(uint8_t byte)
{
    if (request.empty() && byte != 0xA5u) {
        return;
    }
    request.push_back(byte);
    if (request.size() < 13u) {
        return;
    }
    const size_t data = request[1] == 'W' ? request[3] | (size_t)request[4] << 8 : 0u;
    if (request.size() == 13u + data) {
        serve();
        request.clear();
    }
}

static uint32_t register_read(uint32_t offset)
{
    if (offset == 0x0u && !line.empty()) {
        const uint8_t byte = line.front();
        line.pop_front();
        return byte;
    }
    return offset == 0x4u && !line.empty() ? 2u : 0u;
}

static void register_write(uint32_t offset, uint32_t value)
{
    if (offset == 0x8u) {
        enabled = value != 0u;
        if (value == 0u) {
            request.clear();
        }
    } else if (offset == 0x0u) {
        sent((uint8_t)value);
        if (!active) { // the transmit interrupt comes at once
            active = true;
            uart_storage_interrupt(&driver);
            if (!slow || driver.request[1] == 'H') {
                deliver(100000u);
            }
            active = false;
        }
    }
}

static tinyseg_storage_status device_poll(void *user)
{
    deliver(7);
    return driver_poll(user);
}

tinyseg_storage *device_start(void)
{
    std::memset(&driver, 0, sizeof driver);
    line.clear();
    request.clear();
    late.clear();
    enabled = active = false;
    tinyseg_storage *storage = uart_storage_init(&driver, UART, 0, MEDIUM_BYTES);
    driver_poll = storage->poll;
    storage->poll = device_poll;
    return storage;
}
