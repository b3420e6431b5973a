/* SPDX-License-Identifier: Apache-2.0 */
/* The block by which the RP2350's boot ROM knows an image of its own: Arm, Secure, executable.
 *
 * RP2350 Datasheet, "Minimum Arm IMAGE_DEF". It lies in the first 4 KiB; the vector table is at the image's start. */
#include <stdint.h>

__attribute__((section(".image_def"), used)) static const uint32_t image_def[] = {
    0xFFFFDED3u, /* start of a block */
    0x10210142u, /* item of one word: image type */
    0x000001FFu, /* last item: one word before this */
    0x00000000u, /* next block: this one */
    0xAB123579u, /* end of a block */
};
