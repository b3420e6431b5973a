/* SPDX-License-Identifier: Apache-2.0 */
/* What CMSIS-NN takes of CMSIS-Core, by Arm's C Language Extensions. */
#include <arm_acle.h>
#include <stdint.h>
#define __ASM __asm
#define __ALIGNED(x) __attribute__((aligned(x)))
#define __RESTRICT __restrict
#define __STATIC_INLINE static inline
#define __STATIC_FORCEINLINE __attribute__((always_inline)) static inline
#define __CLZ(x) __builtin_clz(x)
#ifdef __ARM_FEATURE_DSP
#define __ROR(x, n) (((uint32_t)(x) >> (n)) | ((uint32_t)(x) << (32 - (n))))
#define __SMLAD(x, y, z) ((uint32_t)__smlad((int16x2_t)(x), (int16x2_t)(y), (int32_t)(z)))
#define __SXTB16(x) ((uint32_t)__sxtb16((int8x4_t)(x)))
#define __SXTAB16(x, y) ((uint32_t)__sxtab16((int16x2_t)(x), (int8x4_t)(y)))
#define __SADD16(x, y) ((uint32_t)__sadd16((int16x2_t)(x), (int16x2_t)(y)))
#define __QADD16(x, y) ((uint32_t)__qadd16((int16x2_t)(x), (int16x2_t)(y)))
#define __QADD(x, y) __qadd((x), (y))
#define __PKHBT(x, y, n) \
    __extension__({ uint32_t made; __asm__("pkhbt %0, %1, %2, lsl %3" : "=r"(made) : "r"(x), "r"(y), "I"(n)); made; })
#define __PKHTB(x, y, n) \
    __extension__({ uint32_t made; __asm__("pkhtb %0, %1, %2, asr %3" : "=r"(made) : "r"(x), "r"(y), "I"(n)); made; })
__STATIC_FORCEINLINE uint32_t __SXTB16_RORn(uint32_t x, uint32_t n)
{
    uint32_t result;
    __asm__("sxtb16 %0, %1, ror %2" : "=r"(result) : "r"(x), "i"(n));
    return result;
}
__STATIC_FORCEINLINE uint32_t __SXTAB16_RORn(uint32_t x, uint32_t y, uint32_t n)
{
    uint32_t result;
    __asm__("sxtab16 %0, %1, %2, ror %3" : "=r"(result) : "r"(x), "r"(y), "i"(n));
    return result;
}
#endif
