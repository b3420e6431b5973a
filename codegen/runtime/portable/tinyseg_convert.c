/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as integers of 32 or 64 bits. */
#include "tinyseg_convert.h"

static float float_at(const uint8_t *in, uint32_t index)
{
    float value;
    memcpy(&value, in + 4u * index, sizeof value);
    return value;
}

static int64_t as_int64(float value)
{
    if (value >= 9223372036854775808.0f) {
        return INT64_MAX;
    }
    if (value > -9223372036854775808.0f) {
        return (int64_t)value;
    }
    return value == value ? INT64_MIN : 0;
}

static int32_t as_int32(float value)
{
    if (value >= 2147483648.0f) {
        return INT32_MAX;
    }
    if (value > -2147483648.0f) {
        return (int32_t)value;
    }
    return value == value ? INT32_MIN : 0;
}

void tinyseg_convert_float32_to_int32(const uint8_t *in, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        const int32_t value = as_int32(float_at(in, i));
        memcpy(out + 4u * i, &value, sizeof value);
    }
}

void tinyseg_convert_float32_to_int32_wrapping(const uint8_t *in, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t value = (uint32_t)as_int64(float_at(in, i));
        memcpy(out + 4u * i, &value, sizeof value);
    }
}

void tinyseg_convert_float32_to_int64(const uint8_t *in, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        const int64_t value = as_int64(float_at(in, i));
        memcpy(out + 8u * i, &value, sizeof value);
    }
}

void tinyseg_convert_int64_to_int32(const uint8_t *in, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        uint64_t value;
        memcpy(&value, in + 8u * i, sizeof value);
        const uint32_t lower = (uint32_t)value;
        memcpy(out + 4u * i, &lower, sizeof lower);
    }
}

void tinyseg_convert_int32_to_int64(const uint8_t *in, uint8_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        int32_t value;
        memcpy(&value, in + 4u * i, sizeof value);
        const int64_t wide = value;
        memcpy(out + 8u * i, &wide, sizeof wide);
    }
}
