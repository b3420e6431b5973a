/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that compilers call on their own, so that no C library is needed. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Or the functions below would become calls of themselves. */
#ifdef __clang__
#define PLAIN_LOOPS __attribute__((no_builtin))
#else
#define PLAIN_LOOPS
#pragma GCC optimize("O2", "no-tree-loop-distribute-patterns")
#endif

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

PLAIN_LOOPS void *memcpy(void *restrict destination, const void *restrict source, size_t bytes)
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

PLAIN_LOOPS void *memmove(void *destination, const void *source, size_t bytes)
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

PLAIN_LOOPS static inline void fill(void *destination, int value, size_t bytes)
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
}

PLAIN_LOOPS void *memset(void *destination, int value, size_t bytes)
{
    fill(destination, value, bytes);
    return destination;
}

PLAIN_LOOPS int memcmp(const void *left, const void *right, size_t bytes)
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

PLAIN_LOOPS size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    return length;
}


#ifdef __clang__
/* Their names in Arm's run-time ABI, which clang calls: the C library's would come in, and know nothing of alignment. */
#define FOR_EVERY_ALIGNMENT(declare) declare() declare(4) declare(8)
#define DECLARE(alignment) \
    void __aeabi_memcpy##alignment(void *destination, const void *source, size_t bytes) __attribute__((alias("memcpy"))); \
    void __aeabi_memmove##alignment(void *destination, const void *source, size_t bytes) \
        __attribute__((alias("memmove"))); \
    void __aeabi_memset##alignment(void *destination, size_t bytes, int value); \
    void __aeabi_memclr##alignment(void *destination, size_t bytes); \
    PLAIN_LOOPS void __aeabi_memset##alignment(void *destination, size_t bytes, int value) \
    { \
        fill(destination, value, bytes); \
    } \
    PLAIN_LOOPS void __aeabi_memclr##alignment(void *destination, size_t bytes) \
    { \
        fill(destination, 0, bytes); \
    }

FOR_EVERY_ALIGNMENT(DECLARE)
#endif
