/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sections of a PE image (Microsoft's "PE Format"), which is what a unified kernel image is.
 */

#include "macro.h"

#define PE_HEAD_MAX	65536U /* bytes from the beginning that have all headers */
#define PE_SECTIONS_MAX 96U

struct pe_section {
	char name[9];	      /* ".linux" */
	uint32_t memory_size; /* bytes when it is loaded; what a file lacks is zeros */
	uint32_t file_size;   /* bytes in the file */
	uint32_t file_offset; /* bytes */
};

/*
 * head: the first bytes of the file, PE_HEAD_MAX or all of them. Returns the number of sections.
 * -EINVAL: not a PE image; -ERANGE: a section lies outside of the file, which has size bytes.
 */
int pe_sections_read(const uint8_t *head, size_t head_size, uint64_t size,
	struct pe_section ret[PE_SECTIONS_MAX]) _must_check_;
