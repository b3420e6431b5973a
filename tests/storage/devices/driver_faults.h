/* What the played devices and the walk over their faults share. */
#ifndef DRIVER_FAULTS_H
#define DRIVER_FAULTS_H

#include "tinyseg_storage.h"

#define MEDIUM_BYTES 65536u

#ifdef __cplusplus
extern "C" {
#endif

/* Of one operation of the device: it refuses it; does not answer any more; says that it did it, and did nothing, the
 * first half, or it at another place; one bit is wrong; the power goes in its midst; the medium is another one; it
 * answers twice; it answers once more, later. */
typedef enum { NONE, REFUSE, SILENT, LOST, TORN, ELSEWHERE, FLIP, CUT, SWAPPED, DOUBLED, LATE, FAULTS } fault;

typedef struct {
    bool lost;
    uint32_t offset;
    uint32_t bytes;
    uint8_t flip; /* of the first byte */
} outcome;

extern uint8_t medium[MEDIUM_BYTES];
extern fault now; /* of the operation that began last */
extern bool silent, slow;
extern uint32_t flash_number; /* what a driver can tell the medium's kind from others by */

/* An operation of the device begins. */
void operation(void);
/* What becomes of its data. */
outcome outcome_of(uint32_t offset, uint32_t bytes);

/* After a reset: the driver, with nothing but the medium from before. */
tinyseg_storage *device_start(void);

#ifdef __cplusplus
}
#endif

#endif
