/* SPDX-License-Identifier: Apache-2.0 */
/* Media in memory behind the signatures of several ecosystems. A driver that
 * leaves the medium ends the program. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ff.h"
#include "zephyr/storage/disk_access.h"

#define MUST(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "rule broken: %s\n", #x); \
            exit(99); \
        } \
    } while (0)

uint8_t fake_medium[1 << 20];
uint32_t fake_bytes = sizeof fake_medium;
int fake_missing;   /* the medium was taken out */
int fake_fail_read; /* this many reads from now on, one fails */
int fake_reads;

void fake_counted(void)
{
    fake_reads++;
}

static int fails(void)
{
    fake_reads++;
    return fake_missing || (fake_fail_read > 0 && --fake_fail_read == 0);
}

static int ready;
int disk_access_init(const char *pdrv) { ready = !fake_missing && strcmp(pdrv, "SD") == 0; return ready ? 0 : -5; }
int disk_access_status(const char *pdrv) { (void)pdrv; return fake_missing ? 2 : DISK_STATUS_OK; }
int disk_access_read(const char *pdrv, uint8_t *data_buf, uint32_t start_sector, uint32_t num_sector)
{
    (void)pdrv;
    MUST(ready && num_sector > 0 && (start_sector + num_sector) * 512u <= fake_bytes);
    memcpy(data_buf, fake_medium + start_sector * 512u, num_sector * 512u);
    return fails() ? -5 : 0;
}
int disk_access_write(const char *pdrv, const uint8_t *data_buf, uint32_t start_sector, uint32_t num_sector)
{
    (void)pdrv;
    MUST(ready && num_sector > 0 && (start_sector + num_sector) * 512u <= fake_bytes);
    memcpy(fake_medium + start_sector * 512u, data_buf, num_sector * 512u);
    return fake_missing ? -5 : 0;
}
int disk_access_ioctl(const char *pdrv, uint8_t cmd, void *buff)
{
    (void)pdrv;
    *(uint32_t *)buff = cmd == DISK_IOCTL_GET_SECTOR_SIZE ? 512u : fake_bytes / 512u;
    return 0;
}

static FSIZE_t file_size;
FRESULT f_open(FIL *fp, const TCHAR *path, BYTE mode)
{
    MUST(mode == (FA_READ | FA_WRITE | FA_OPEN_ALWAYS) && path[0] != '\0');
    fp->obj.objsize = file_size;
    fp->fptr = 0;
    return fake_missing ? FR_NOT_READY : FR_OK;
}
FRESULT f_close(FIL *fp) { file_size = fp->obj.objsize; return FR_OK; }
FRESULT f_sync(FIL *fp) { file_size = fp->obj.objsize; return fake_missing ? FR_DISK_ERR : FR_OK; }
FRESULT f_lseek(FIL *fp, FSIZE_t ofs)
{
    fp->fptr = ofs < fake_bytes ? ofs : fake_bytes; /* the volume is full */
    if (fp->fptr > fp->obj.objsize) {
        fp->obj.objsize = fp->fptr;
    }
    return FR_OK;
}
FRESULT f_read(FIL *fp, void *buff, UINT btr, UINT *br)
{
    *br = fp->fptr + btr <= fp->obj.objsize ? btr : 0;
    memcpy(buff, fake_medium + fp->fptr, *br);
    fp->fptr += *br;
    return fails() ? FR_DISK_ERR : FR_OK;
}
FRESULT f_write(FIL *fp, const void *buff, UINT btw, UINT *bw)
{
    *bw = fp->fptr + btw <= fake_bytes ? btw : 0;
    memcpy(fake_medium + fp->fptr, buff, *bw);
    fp->fptr += *bw;
    return fake_missing ? FR_DISK_ERR : FR_OK;
}
