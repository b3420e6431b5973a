/* Depthwise convolution of int8 lines for cores with the DSP extension.
 *
 * Four channels at a time, the columns under a run of output pixels are widened into the scratch memory, rows in
 * pairs: one multiplication takes two rows. Each channel then runs over them with its weights in registers. */
#ifndef TINYSEG_DEPTHWISE_DSP_H
#define TINYSEG_DEPTHWISE_DSP_H

#include "tinyseg_requantize.h"

typedef struct {
    /* [channel][tap][pair of rows], two pairs to a word: the first in bytes 0 and 2, the second in bytes 1 and 3. The last
     * of an odd number of rows pairs with weight 0: in channels 0 and 1 of four it comes first, in 2 and 3 second. */
    const uint32_t *weight;
    const int32_t *bias; /* minus input_zero_point times the sum of the channel's weights */
    const float *multiplier;
    uint16_t channels;
    uint16_t input_width;
    uint16_t output_width;
    uint16_t kernel_height;
    uint16_t kernel_width;
    uint16_t stride;
    uint16_t dilation;
    uint16_t run; /* output pixels whose columns the scratch memory holds */
    int16_t pad_left;
    int16_t input_zero_point;
    tinyseg_output output;
} tinyseg_depthwise_dsp;

/* One output line from `kernel_height` lines; NULL is a padding line. `scratch` (aligned to 4) has 32 bytes for
 * each column of a run of 3 x 3 kernels without dilation and with a stride of 1 or 2. Others have 16 bytes per pair of
 * rows and 8 for a last single row, before them one word per tap and pair of rows. */
void tinyseg_depthwise_dsp_line(const tinyseg_depthwise_dsp *p, const int8_t *const *lines, void *scratch, int8_t *out);

#endif
