/* Depthwise convolution for cores with the vector extension. */
#include "tinyseg_depthwise_mve.h"

#include "tinyseg_mve.h"

#if TINYSEG_MVE
/* Where each tap of a pixel begins, and how far on it begins for the next pixel. */
typedef struct {
    uint32_t *place;
    uint32_t *step;
    uint32_t fours;
    const int8_t *padding;
} taps;

/* Finds the taps of the pixel that begins at input column `column`. */
TINYSEG_INNER void find_taps(
    const tinyseg_depthwise_mve *p, const int8_t *const *lines, int32_t column, const taps *t)
{
    uint32_t used = 0;
    for (int32_t row = 0; row < p->kernel_height; ++row) {
        const int8_t *const line = lines[row];
        int32_t x = column;
        for (int32_t tap = 0; tap < p->kernel_width; ++tap) {
            const int inside = line != NULL && x >= 0 && x < p->input_width;
            const int8_t *const place = inside ? line + x * p->channels : t->padding;
            for (uint32_t i = 0; i <= p->spread; ++i) {
                t->place[used] = (uint32_t)(uintptr_t)place;
                t->step[used] = inside ? (uint32_t)p->stride * p->channels : 0u;
                ++used;
            }
            x += p->dilation;
        }
    }
    for (; used < 4u * t->fours; ++used) {
        t->place[used] = (uint32_t)(uintptr_t)t->padding;
        t->step[used] = 0u;
    }
}

TINYSEG_INLINE void next_taps(const taps *t)
{
    uint32_t *place = t->place;
    const uint32_t *step = t->step;
    for (uint32_t i = t->fours; i != 0u; --i) {
        vstrwq_u32(place, vaddq_u32(vldrwq_u32(place), vldrwq_u32(step)));
        place += 4;
        step += 4;
    }
}

TINYSEG_INLINE int8x16_t load_16(const int8_t *from, int masked, mve_pred16_t lanes)
{
    return masked ? vldrbq_z_s8(from, lanes) : vldrbq_s8(from);
}

/* Sixteen channels of a pixel, from channel `channel` on. */
TINYSEG_INLINE void block(
    const tinyseg_depthwise_mve *p,
    const taps *t,
    int32_t number,
    int32_t channel,
    int masked,
    mve_pred16_t lanes,
    const tinyseg_bounds_8 *bounds,
    int8_t *out)
{
    const int8_t *weight = p->weight + number * p->taps * 16;
    const int32_t *const bias = p->bias + number * 16;
    const float *const multiplier = p->multiplier + number * 16;
    const uint32_t *place = t->place;
    int32x4_t sum_0 = vldrwq_s32(bias);
    int32x4_t sum_2 = vldrwq_s32(bias + 4);
    int32x4_t sum_1 = vldrwq_s32(bias + 8);
    int32x4_t sum_3 = vldrwq_s32(bias + 12);
    for (int32_t i = p->taps >> 1; i != 0; --i) {
        const int8x16_t x = load_16((const int8_t *)(uintptr_t)place[0] + channel, masked, lanes);
        const int8x16_t y = load_16((const int8_t *)(uintptr_t)place[1] + channel, masked, lanes);
        const int8x16_t v = vldrbq_s8(weight);
        const int8x16_t w = vldrbq_s8(weight + 16);
        const int16x8_t even = vaddq_s16(vmullbq_int_s8(x, v), vmullbq_int_s8(y, w));
        const int16x8_t odd = vaddq_s16(vmulltq_int_s8(x, v), vmulltq_int_s8(y, w));
        sum_0 = vaddq_s32(sum_0, vmovlbq_s16(even));
        sum_2 = vaddq_s32(sum_2, vmovltq_s16(even));
        sum_1 = vaddq_s32(sum_1, vmovlbq_s16(odd));
        sum_3 = vaddq_s32(sum_3, vmovltq_s16(odd));
        place += 2;
        weight += 32;
    }
    if ((p->taps & 1u) != 0u) {
        const int8x16_t x = load_16((const int8_t *)(uintptr_t)place[0] + channel, masked, lanes);
        const int8x16_t v = vldrbq_s8(weight);
        const int16x8_t even = vmullbq_int_s8(x, v);
        const int16x8_t odd = vmulltq_int_s8(x, v);
        sum_0 = vaddq_s32(sum_0, vmovlbq_s16(even));
        sum_2 = vaddq_s32(sum_2, vmovltq_s16(even));
        sum_1 = vaddq_s32(sum_1, vmovlbq_s16(odd));
        sum_3 = vaddq_s32(sum_3, vmovltq_s16(odd));
    }
    const int16x8_t even = tinyseg_finish_8(
        tinyseg_scale_4(sum_0, vldrwq_f32(multiplier)), tinyseg_scale_4(sum_2, vldrwq_f32(multiplier + 4)), bounds);
    const int16x8_t odd = tinyseg_finish_8(
        tinyseg_scale_4(sum_1, vldrwq_f32(multiplier + 8)), tinyseg_scale_4(sum_3, vldrwq_f32(multiplier + 12)), bounds);
    const int8x16_t all = vmovntq_s16(vmovnbq_s16(vuninitializedq_s8(), even), odd);
    if (masked) {
        vstrbq_p_s8(out + channel, all, lanes);
    } else {
        vstrbq_s8(out + channel, all);
    }
}

void tinyseg_depthwise_mve_line(const tinyseg_depthwise_mve *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    const tinyseg_bounds_8 bounds = tinyseg_bounds_8_of(&p->output);
    const int32_t channels = p->channels;
    const int32_t last = p->input_width - (p->kernel_width - 1) * p->dilation;
    const mve_pred16_t lanes = vctp8q((uint32_t)channels);
    int32_t column = -p->pad_left;
    int follows = 0; /* the previous pixel's taps all lay in the map */
    taps t;
    t.fours = ((uint32_t)p->taps + 3u) / 4u;
    t.place = scratch;
    t.step = t.place + 4u * t.fours;
    t.padding = (const int8_t *)(t.step + 4u * t.fours);
    tinyseg_fill_16((int8_t *)(t.step + 4u * t.fours), p->input_zero_point, channels < 16 ? 16 : channels);
    for (int32_t pixel = p->output_width; pixel != 0; --pixel) {
        const int inside = column >= 0 && column < last;
        if (inside && follows) {
            next_taps(&t);
        } else {
            find_taps(p, lines, column, &t);
        }
        follows = inside;
        if (channels < 16) {
            block(p, &t, 0, 0, 1, lanes, &bounds, out);
        } else {
            int32_t number = 0;
            int32_t channel = 0;
            for (; channel <= channels - 16; channel += 16) {
                block(p, &t, number++, channel, 0, lanes, &bounds, out);
            }
            if (channel != channels) {
                block(p, &t, number, channels - 16, 0, lanes, &bounds, out);
            }
        }
        column += p->stride;
        out += channels;
    }
}
#else
void tinyseg_depthwise_mve_line(const tinyseg_depthwise_mve *p, const int8_t *const *lines, void *scratch, int8_t *out)
{
    const int32_t channels = p->channels;
    const int32_t every = 1 + p->spread;
    (void)scratch;
    for (int32_t pixel = 0; pixel < p->output_width; ++pixel) {
        for (int32_t channel = 0; channel < channels; ++channel) {
            const int32_t number = channel / 16;
            const int32_t over = number * 16 + 16 - channels;
            const int32_t lane = channel % 16 + (channels > 16 && over > 0 ? over : 0);
            const int32_t place = number * 16 + lane / 4 + (lane % 2) * 8 + (lane & 2) * 2;
            const int8_t *weight = p->weight + number * p->taps * 16 + lane;
            int32_t sum = p->bias[place];
            for (int32_t row = 0; row < p->kernel_height; ++row) {
                for (int32_t tap = 0; tap < p->kernel_width; ++tap) {
                    const int32_t x = pixel * p->stride - p->pad_left + tap * p->dilation;
                    const int inside = lines[row] != NULL && x >= 0 && x < p->input_width;
                    sum += *weight * (inside ? lines[row][x * channels + channel] : p->input_zero_point);
                    weight += 16 * every;
                }
            }
            *out++ = tinyseg_requantize(sum, p->multiplier[place], &p->output);
        }
    }
}
#endif
