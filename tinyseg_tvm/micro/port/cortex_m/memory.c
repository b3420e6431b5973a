/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that compilers call on their own, so that no C library is needed. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Or the loops below would become calls of the functions they are in. */
#pragma GCC optimize("O2", "no-tree-loop-distribute-patterns")

void *memcpy(void *restrict destination, const void *restrict source, size_t bytes);
void *memmove(void *destination, const void *source, size_t bytes);
void *memset(void *destination, int value, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes);
size_t strlen(const char *text);

typedef uint32_t __attribute__((may_alias)) word;
#ifdef __ARM_FEATURE_UNALIGNED
typedef uint32_t __attribute__((may_alias, aligned(1))) source_word; /* loads may be unaligned */
#define WORDS_POSSIBLE(destination, source) true
#else
typedef word source_word;
#define WORDS_POSSIBLE(destination, source) ((((uintptr_t)(destination) ^ (uintptr_t)(source)) & 3u) == 0u)
#endif

void *memcpy(void *restrict destination, const void *restrict source, size_t bytes)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    if (bytes >= 16u && WORDS_POSSIBLE(to, from)) {
        while (((uintptr_t)to & 3u) != 0u) {
            *to++ = *from++;
            bytes--;
        }
        for (; bytes >= 16u; bytes -= 16u, to += 16, from += 16) {
            const uint32_t a = ((const source_word *)(const void *)from)[0];
            const uint32_t b = ((const source_word *)(const void *)from)[1];
            const uint32_t c = ((const source_word *)(const void *)from)[2];
            const uint32_t d = ((const source_word *)(const void *)from)[3];
            ((word *)(void *)to)[0] = a;
            ((word *)(void *)to)[1] = b;
            ((word *)(void *)to)[2] = c;
            ((word *)(void *)to)[3] = d;
        }
    }
    for (; bytes > 0u; bytes--) {
        *to++ = *from++;
    }
    return destination;
}

void *memmove(void *destination, const void *source, size_t bytes)
{
    uint8_t *to = destination;
    const uint8_t *from = source;
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        /* Overlap, if any, is behind what is being read: copy forwards, byte by byte where the ranges touch. */
        if ((uintptr_t)from - (uintptr_t)to >= bytes) {
            return memcpy(destination, source, bytes);
        }
        for (; bytes > 0u; bytes--) {
            *to++ = *from++;
        }
        return destination;
    }
    while (bytes > 0u) {
        bytes--;
        to[bytes] = from[bytes];
    }
    return destination;
}

void *memset(void *destination, int value, size_t bytes)
{
    uint8_t *to = destination;
    const uint8_t byte = (uint8_t)value;
    if (bytes >= 16u) {
        while (((uintptr_t)to & 3u) != 0u) {
            *to++ = byte;
            bytes--;
        }
        const uint32_t four = byte * 0x01010101u;
        for (; bytes >= 16u; bytes -= 16u, to += 16) {
            ((word *)(void *)to)[0] = four;
            ((word *)(void *)to)[1] = four;
            ((word *)(void *)to)[2] = four;
            ((word *)(void *)to)[3] = four;
        }
    }
    for (; bytes > 0u; bytes--) {
        *to++ = byte;
    }
    return destination;
}

int memcmp(const void *left, const void *right, size_t bytes)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (size_t i = 0; i < bytes; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}
