/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Measuring the sections of a unified kernel image.
 */

#include "uki-measure.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fd.h"
#include "pe-sections.h"

#define SECTION_MAX ((uint32_t)1 << 30) /* bytes; it is held in memory */

/* In the order in which systemd-stub extends the PCR; not ".pcrsig", which is made afterwards. */
static const char *const measured[] = { ".linux", ".osrel", ".cmdline", ".initrd", ".ucode",
	".splash", ".dtb", ".uname", ".sbat", ".pcrpkey" };

/* Sections of which the stub picks one at boot: there is more than one value then. */
static const char *const ambiguous[] = { ".profile", ".dtbauto", ".hwids", ".efifw" };

struct uki {
	const char *path;
	int fd; /* owned */
	struct pe_section sections[PE_SECTIONS_MAX];
	size_t n_sections;
};

static void uki_done(struct uki *uki)
{
	cleanup_close(&uki->fd);
}

static int uki_open(const char *path, struct uki *uki, struct diag *diag)
{
	_cleanup_free_ uint8_t *head = malloc(PE_HEAD_MAX);
	struct stat st;
	size_t size;
	int r;

	if (!head)
		return -ENOMEM;
	uki->path = path;
	uki->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (uki->fd < 0 || fstat(uki->fd, &st) < 0)
		return diag_set(diag, -errno, "cannot open %s: %s", path, strerror(errno));
	size = (size_t)MIN((uint64_t)st.st_size, (uint64_t)PE_HEAD_MAX);
	r = fd_pread_full(uki->fd, head, size, 0);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
	r = pe_sections_read(head, size, (uint64_t)st.st_size, uki->sections);
	if (r < 0)
		return diag_set(diag, r, "%s: %s", path,
			r == -ERANGE ? "a section lies behind the end of the file"
				     : "not a PE image, which a unified kernel image is");
	uki->n_sections = (size_t)r;
	return 0;
}

/* Returns 1, or 0 if there is none; -EEXIST: several. */
static int uki_find(const struct uki *uki, const char *name, const struct pe_section **ret)
{
	int found = 0;

	for (size_t i = 0; i < uki->n_sections; i++) {
		if (!streq(uki->sections[i].name, name))
			continue;
		if (found++ > 0)
			return -EEXIST;
		*ret = &uki->sections[i];
	}
	return found;
}

/* The name with its NUL, then the content as it is in memory. */
static int measure_section(const struct uki *uki, const struct pe_section *section,
	struct pcr_values *pcrs, struct diag *diag)
{
	_cleanup_free_ uint8_t *data = NULL;
	int r;

	if (section->memory_size > SECTION_MAX)
		return diag_set(diag, -EFBIG, "%s: section %s is larger than 1 GiB", uki->path,
			section->name);
	data = calloc(1, (size_t)section->memory_size + 1);
	if (!data)
		return -ENOMEM;
	r = fd_pread_full(
		uki->fd, data, MIN(section->memory_size, section->file_size), section->file_offset);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", uki->path, strerror(-r));
	r = pcr_values_event(pcrs, UKI_PCR, section->name, strlen(section->name) + 1);
	return r < 0 ? r : pcr_values_event(pcrs, UKI_PCR, data, section->memory_size);
}

static int measure_sections(const struct uki *uki, struct pcr_values *pcrs, struct diag *diag)
{
	const struct pe_section *section;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(ambiguous); i++)
		if (uki_find(uki, ambiguous[i], &section) != 0)
			return diag_set(diag, -EINVAL,
				"%s has a section %s, so that the value depends on what is chosen at "
				"boot; give it by --pcr 11=...",
				uki->path, ambiguous[i]);
	if (uki_find(uki, measured[0], &section) == 0)
		return diag_set(
			diag, -EINVAL, "%s has no kernel: section %s", uki->path, measured[0]);
	for (size_t i = 0; i < ARRAY_SIZE(measured); i++) {
		r = uki_find(uki, measured[i], &section);
		if (r < 0)
			return diag_set(
				diag, r, "%s has several sections %s", uki->path, measured[i]);
		if (r > 0)
			r = measure_section(uki, section, pcrs, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

int uki_measure(const char *path, const char *phases, struct pcr_values *pcrs, struct diag *diag)
{
	_cleanup_(uki_done) struct uki uki = { .fd = -EBADF };
	int r;

	r = uki_open(path, &uki, diag);
	if (r >= 0)
		r = measure_sections(&uki, pcrs, diag);
	/* The words are extended without their NUL. */
	for (const char *word = phases; r >= 0 && *word;) {
		size_t len = strcspn(word, ":");

		r = pcr_values_event(pcrs, UKI_PCR, word, len);
		word += len;
		word += *word == ':';
	}
	return r;
}
