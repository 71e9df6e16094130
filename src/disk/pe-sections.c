/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the headers of a PE image:
 *
 *	0	"MZ"
 *	60	u32, where "PE\0\0" is; behind that the COFF header of 20 bytes:
 *	  +2	u16, number of sections
 *	  +16	u16, size of the optional header, which follows
 *		then 40 bytes for each section: name[8], memory size, address, file size, file offset
 */

#include "pe-sections.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

#define MZ_PE_OFFSET 60U
#define COFF_SIZE    20U
#define SECTION_SIZE 40U

/* Where the table of sections begins; its entries go to *ret_n. */
static int find_table(const uint8_t *head, size_t head_size, size_t *ret_offset, unsigned *ret_n)
{
	uint32_t pe;
	size_t table;

	if (head_size < MZ_PE_OFFSET + 4 || memcmp(head, "MZ", 2) != 0)
		return -EINVAL;
	pe = get_le32(head + MZ_PE_OFFSET);
	if (pe > head_size || head_size - pe < 4 + COFF_SIZE || memcmp(head + pe, "PE\0\0", 4) != 0)
		return -EINVAL;
	*ret_n = get_le16(head + pe + 4 + 2);
	table = pe + 4 + COFF_SIZE + get_le16(head + pe + 4 + 16);
	if (*ret_n == 0 || *ret_n > PE_SECTIONS_MAX || table > head_size ||
		(head_size - table) / SECTION_SIZE < *ret_n)
		return -EINVAL;
	*ret_offset = table;
	return 0;
}

int pe_sections_read(const uint8_t *head, size_t head_size, uint64_t size,
	struct pe_section ret[PE_SECTIONS_MAX])
{
	size_t table;
	unsigned n;
	int r;

	r = find_table(head, head_size, &table, &n);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *entry = head + table + (size_t)i * SECTION_SIZE;
		struct pe_section *s = &ret[i];

		memcpy(s->name, entry, 8);
		s->name[8] = '\0';
		s->memory_size = get_le32(entry + 8);
		s->file_size = get_le32(entry + 16);
		s->file_offset = get_le32(entry + 20);
		if (s->file_size > 0 &&
			(s->file_offset > size || s->file_size > size - s->file_offset))
			return -ERANGE;
	}
	return (int)n;
}
