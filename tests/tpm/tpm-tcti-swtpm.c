/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for tpm-tcti-device.c in the tests: /dev/swtpm/PORT is the software TPM that listens on
 * that port of the loopback interface.
 */

#include "tpm-tcti.h"

#include <stdio.h>
#include <tss2/tss2_tcti_swtpm.h>

#define PREFIX "/dev/swtpm/"

bool tpm_tcti_present(const char *device)
{
	return startswith(device, PREFIX) != NULL;
}

uint32_t tpm_tcti_init(TSS2_TCTI_CONTEXT *tcti, size_t *size, const char *device)
{
	char address[64];

	(void)snprintf(
		address, sizeof(address), "host=127.0.0.1,port=%s", device + sizeof(PREFIX) - 1);
	return Tss2_Tcti_Swtpm_Init(tcti, size, address);
}
