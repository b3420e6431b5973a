/* Reads (int64 accumulator, float multiplier, int32 zero point, minimum, maximum) records, writes an int16 for each. */
#include <stdio.h>

#include "tinyseg_requantize_i16.h"

int main(void)
{
    struct {
        int64_t accumulator;
        float multiplier;
        int32_t zero_point;
        int32_t minimum;
        int32_t maximum;
    } record;
    while (fread(&record, sizeof record, 1, stdin) == 1) {
        const tinyseg_output output = {
            (int16_t)record.zero_point, (int16_t)record.minimum, (int16_t)record.maximum};
        const int16_t result = tinyseg_requantize_i16(record.accumulator, record.multiplier, &output);
        fwrite(&result, sizeof result, 1, stdout);
    }
    return 0;
}
