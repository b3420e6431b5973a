/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements of a line are reduced together: loops over five axes, kept and reduced in turn. */
#ifndef TINYSEG_SPAN_H
#define TINYSEG_SPAN_H

#include "tinyseg_platform.h"

typedef struct {
    uint32_t rows;   /* reduced */
    uint32_t middle; /* kept */
    uint32_t columns;
    uint32_t inner;
    uint32_t results; /* of a line; kept axes outside of `rows` are their rest */
    uint32_t repeats; /* places in the output that hold the same result, one behind the other */
    uint32_t lines;   /* reduced one after the other; 1 where every line has results of its own */
} tinyseg_span;

/* Index of a result's first element in its line. */
TINYSEG_INLINE uint32_t tinyseg_span_first(const tinyseg_span *span, uint32_t result)
{
    const uint32_t inner = result % span->inner;
    const uint32_t middle = result / span->inner % span->middle;
    const uint32_t outer = result / span->inner / span->middle;
    return ((outer * span->rows * span->middle + middle) * span->columns) * span->inner + inner;
}

/* Loops over the elements of a result, in their order: `at` is each one's index in its line. */
#define TINYSEG_EACH_REDUCED(span, result, at)                                                            \
    for (uint32_t row_ = 0, begin_ = tinyseg_span_first((span), (result)); row_ < (span)->rows;           \
         ++row_, begin_ += (span)->middle * (span)->columns * (span)->inner)                              \
        for (uint32_t column_ = 0, at = begin_; column_ < (span)->columns; ++column_, at += (span)->inner)

#endif
