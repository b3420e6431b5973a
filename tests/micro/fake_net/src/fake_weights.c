#include "fake.h"

const uint8_t fake_weights[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
