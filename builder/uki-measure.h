/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What PCR 11 is going to be when a unified kernel image has been started: systemd-stub(7) extends it
 * by each section of the image, and the boot by the words of its phases, as systemd-measure(1)
 * describes.
 */

#include "diag.h"
#include "pcr-values.h"

#define UKI_PCR 11U

/* phases: words joined by ":", such as "enter-initrd". */
int uki_measure(const char *path, const char *phases, struct pcr_values *pcrs,
	struct diag *diag) _must_check_;
