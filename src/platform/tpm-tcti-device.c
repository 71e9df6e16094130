/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device is named and nothing is searched: the library's own search ends at a software TPM on
 * a port of the loopback interface, and whoever listens there would be believed.
 */

#include "tpm-tcti.h"

#include <stdlib.h>
#include <tss2/tss2_tcti_device.h>
#include <unistd.h>

bool tpm_tcti_present(const char *device)
{
	return access(device, F_OK) == 0;
}

uint32_t tpm_tcti_open(const char *device, TSS2_TCTI_CONTEXT **ret)
{
	TSS2_TCTI_CONTEXT *tcti;
	size_t size = 0;
	TSS2_RC rc = Tss2_Tcti_Device_Init(NULL, &size, NULL);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	tcti = calloc(1, size);
	if (!tcti)
		return TSS2_TCTI_RC_MEMORY;
	rc = Tss2_Tcti_Device_Init(tcti, &size, device);
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
