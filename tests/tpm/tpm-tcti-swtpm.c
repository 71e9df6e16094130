/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stands in for tpm-tcti-device.c in the tests: /dev/swtpm/PORT is the software TPM that listens on
 * that port of the loopback interface.
 */

#include "tpm-tcti.h"

#include <stdio.h>
#include <stdlib.h>
#include <tss2/tss2_tcti_swtpm.h>

#define PREFIX "/dev/swtpm/"

bool tpm_tcti_present(const char *device)
{
	return startswith(device, PREFIX) != NULL;
}

uint32_t tpm_tcti_open(const char *device, TSS2_TCTI_CONTEXT **ret)
{
	TSS2_TCTI_CONTEXT *tcti;
	char address[64];
	size_t size = 0;
	TSS2_RC rc = Tss2_Tcti_Swtpm_Init(NULL, &size, NULL);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	(void)snprintf(
		address, sizeof(address), "host=127.0.0.1,port=%s", device + sizeof(PREFIX) - 1);
	tcti = calloc(1, size);
	if (!tcti)
		return TSS2_TCTI_RC_MEMORY;
	rc = Tss2_Tcti_Swtpm_Init(tcti, &size, address);
	if (rc != TSS2_RC_SUCCESS) {
		free(tcti);
		return rc;
	}
	*ret = tcti;
	return 0;
}

void tpm_tcti_close(TSS2_TCTI_CONTEXT *tcti)
{
	if (tcti)
		Tss2_Tcti_Finalize(tcti);
	free(tcti);
}
