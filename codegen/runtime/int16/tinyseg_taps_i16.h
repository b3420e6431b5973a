/* SPDX-License-Identifier: Apache-2.0 */
/* The taps of a window on a line, where they reach beyond its ends. */
#ifndef TINYSEG_TAPS_I16_H
#define TINYSEG_TAPS_I16_H

#include "tinyseg_platform.h"

/* Taps before the line, inside it and behind it. */
typedef struct {
    int32_t before;
    int32_t inside;
    int32_t behind;
} tinyseg_taps;

/* Of `taps` taps, `dilation` columns apart, the first at `column` of a line of `width`. */
TINYSEG_INLINE tinyseg_taps tinyseg_taps_at(int32_t column, int32_t taps, int32_t dilation, int32_t width)
{
    tinyseg_taps found;
    const int32_t room = width - column;
    int32_t end = room <= 0 ? 0 : (room + dilation - 1) / dilation;
    found.before = column < 0 ? (-column + dilation - 1) / dilation : 0;
    found.before = found.before < taps ? found.before : taps;
    end = end < taps ? end : taps;
    found.inside = end > found.before ? end - found.before : 0;
    found.behind = taps - found.before - found.inside;
    return found;
}

#endif
