/* Reads (int32 accumulator, float multiplier, int32 zero point, minimum, maximum) records, writes one int8 per record. */
#include <stdio.h>

#include "tinyseg_requantize.h"

int main(void)
{
    struct {
        int32_t accumulator;
        float multiplier;
        int32_t zero_point;
        int32_t minimum;
        int32_t maximum;
    } record;
    while (fread(&record, sizeof record, 1, stdin) == 1) {
        const tinyseg_output output = {
            (int16_t)record.zero_point, (int16_t)record.minimum, (int16_t)record.maximum};
        const int8_t result = tinyseg_requantize(record.accumulator, record.multiplier, &output);
        fwrite(&result, 1, 1, stdout);
    }
    return 0;
}
