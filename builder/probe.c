/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognises superblocks and reads what they say. It decides nothing: what a layer makes of its
 * superblock is the layer type's adopt().
 */

#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "integrity-journal.h"
#include "overflow.h"
#include "probe.h"

#define SECTOR	      512U
#define HEAD_SIZE     4096U
#define ENTRIES_FIELD 504U /* bytes of a journal sector that hold entries; the commit id follows */
#define ENTRY_SECTORS 8U   /* sectors at the begin of a section that hold entries */
#define MAC_BYTES     8U   /* of each of these, with a journal MAC */

static const uint8_t integrity_magic[8] = "integrt";
static const uint8_t verity_magic[8] = "verity\0";
static const uint8_t luks_magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

struct journal_shape {
	uint64_t begin; /* bytes */
	uint32_t sections;
	uint32_t section_sectors;
	uint32_t entry_size;
	uint32_t entries_per_sector;
};

/* As the kernel computes it from the superblock alone: formats report 1.2, dm-integrity.rst. */
static struct journal_shape journal_shape(const struct integrity_sb *sb, uint64_t offset)
{
	uint32_t block_sectors = 1U << sb->log2_sectors_per_block;
	uint32_t room = ENTRIES_FIELD;
	struct journal_shape shape;

	if (sb->flags & INTEGRITY_SB_HAVE_JOURNAL_MAC)
		room -= MAC_BYTES;
	shape.begin = offset + INTEGRITY_SB_SIZE;
	shape.sections = sb->journal_sections;
	shape.entry_size = (uint32_t)align_up_u64(8 + 8 * block_sectors + sb->tag_size, 8);
	shape.entries_per_sector = room / shape.entry_size;
	shape.section_sectors =
		ENTRY_SECTORS + shape.entries_per_sector * ENTRY_SECTORS * block_sectors;
	return shape;
}

/* The number of the commit id, or -1. */
static int commit_seq(const uint8_t *sector, const uint64_t ids[INTEGRITY_COMMIT_IDS],
	uint32_t section, uint32_t index)
{
	uint64_t id = get_le64(sector + SECTOR - 8) ^ ((uint64_t)section << 32 ^ index);

	for (int i = 0; i < INTEGRITY_COMMIT_IDS; i++)
		if (ids[i] == id)
			return i;
	return -1;
}

static bool entries_unused(const struct journal_shape *shape, const uint8_t *sector)
{
	for (uint32_t i = 0; i < shape->entries_per_sector; i++)
		if (get_le32(sector + (size_t)i * shape->entry_size + 4) != UINT32_MAX)
			return false;
	return true;
}

/*
 * A section is empty if all its entries are unused. The kernel replays one only if all of its
 * sectors carry one commit id.
 */
static enum journal_state section_state(const struct journal_shape *shape, const uint8_t *data,
	const uint64_t ids[INTEGRITY_COMMIT_IDS], uint32_t section)
{
	bool unused = true;

	for (uint32_t i = 0; i < shape->section_sectors; i++) {
		const uint8_t *sector = data + (size_t)i * SECTOR;

		if (commit_seq(sector, ids, section, i) < 0)
			return JOURNAL_UNKNOWN;
		if (i < ENTRY_SECTORS && !entries_unused(shape, sector))
			unused = false;
	}
	return unused ? JOURNAL_EMPTY : JOURNAL_IN_USE;
}

static int read_journal(struct vdev *v, const struct journal_shape *shape, enum journal_state *ret)
{
	uint64_t size = (uint64_t)shape->section_sectors * SECTOR;
	uint64_t ids[INTEGRITY_COMMIT_IDS];
	_cleanup_free_ uint8_t *data = NULL;
	enum journal_state state = JOURNAL_EMPTY;

	if (shape->entries_per_sector == 0 || shape->sections > v->size_bytes / size ||
		shape->begin + shape->sections * size > v->size_bytes) {
		*ret = JOURNAL_CUT;
		return 0;
	}
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	integrity_journal_commit_ids(NULL, ids);
	for (uint32_t i = 0; i < shape->sections && state == JOURNAL_EMPTY; i++) {
		int r = vdev_read_bytes(v, data, size, shape->begin + i * size);

		if (r < 0)
			return r;
		state = section_state(shape, data, ids, i);
	}
	*ret = state;
	return 0;
}

static int probe_integrity(struct vdev *v, const uint8_t *head, struct probe *p, struct diag *diag)
{
	struct journal_shape shape;
	int r;

	p->kind = PROBE_INTEGRITY;
	r = integrity_sb_decode(head, &p->integrity.sb, diag);
	if (r < 0)
		return r;
	shape = journal_shape(&p->integrity.sb, p->offset);
	p->integrity.section_sectors = shape.section_sectors;
	p->integrity.data_bytes =
		shape.begin + (uint64_t)shape.sections * shape.section_sectors * SECTOR;
	if (p->integrity.sb.flags & INTEGRITY_SB_INLINE)
		return 0;
	return read_journal(v, &shape, &p->integrity.journal);
}

static int probe_verity(const uint8_t *head, struct probe *p, struct diag *diag)
{
	const struct verity_sb *sb = &p->verity.sb;
	struct verity_format params;
	int digest_size, r;

	p->kind = PROBE_VERITY;
	r = verity_sb_decode(head, &p->verity.sb, diag);
	if (r < 0)
		return r;
	digest_size = digest_alg_size(sb->algorithm);
	if (digest_size < 0)
		return 0;
	params = (struct verity_format){
		.data_blocks = sb->data_blocks,
		.hash_offset = p->offset,
		.data_block_size = sb->data_block_size,
		.hash_block_size = sb->hash_block_size,
		.digest_size = (uint32_t)digest_size,
		.hash_type = sb->hash_type,
		.has_superblock = true,
	};
	r = verity_tree_init(&params, &p->verity.tree, diag);
	p->verity.has_tree = r >= 0;
	return r;
}

static void copy_text(char *to, const uint8_t *from, size_t size)
{
	size_t n = strnlen((const char *)from, size);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* As much as the header says; LUKS2 has a second copy where the first is not. */
static int read_luks2(struct vdev *v, uint64_t offset, struct luks2 *ret, struct diag *diag)
{
	uint64_t left = v->size_bytes - offset;
	size_t size = 0, wanted = 0;
	int r = 1;

	while (r > 0) {
		_cleanup_free_ uint8_t *data = malloc(size + 1);

		if (!data)
			return -ENOMEM;
		r = vdev_read_bytes(v, data, size, offset);
		if (r < 0)
			return r;
		r = luks2_decode(data, size, ret, size == left ? NULL : &wanted, diag);
		size = MIN(left, (uint64_t)wanted);
	}
	return r;
}

/* LUKS1 and LUKS2 share the magic and the place of the UUID; numbers are big-endian. */
static int probe_luks(struct vdev *v, const uint8_t *head, struct probe *p, struct diag *diag)
{
	p->kind = PROBE_LUKS;
	p->luks.version = get_be16(head + 6);
	copy_text(p->luks.uuid, head + 168, sizeof(p->luks.uuid) - 1);
	if (p->luks.version != 2)
		return 0;
	p->luks.header = malloc(sizeof(*p->luks.header));
	return p->luks.header ? read_luks2(v, p->offset, p->luks.header, diag) : -ENOMEM;
}

/* A second copy of a header whose first is gone. */
static int probe_second_luks(struct vdev *v, struct probe *p)
{
	_cleanup_free_ struct luks2 *header = malloc(sizeof(*header));
	int r;

	if (!header)
		return -ENOMEM;
	r = read_luks2(v, p->offset, header, NULL);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	p->kind = PROBE_LUKS;
	p->luks.version = 2;
	p->luks.header = take_ptr(header);
	return 0;
}

static int probe_fs(struct vdev *v, struct probe *p, struct diag *diag)
{
	uint64_t size = MIN(v->size_bytes - p->offset, (uint64_t)FS_PROBE_SIZE);
	_cleanup_free_ uint8_t *data = malloc(size);
	int r;

	if (!data)
		return -ENOMEM;
	r = vdev_read_bytes(v, data, size, p->offset);
	if (r < 0)
		return r;
	r = fs_probe(data, size, &p->fs);
	if (r == -ENODATA)
		return 0;
	p->kind = PROBE_FS;
	return r < 0 ? diag_set(diag, r, "the superblock of the file system makes no sense") : 0;
}

void probe_done(struct probe *probe)
{
	free(probe->luks.header);
}

int probe_at(struct vdev *v, uint64_t offset, struct probe *ret, struct diag *diag)
{
	struct probe p = { .offset = offset };
	uint8_t head[HEAD_SIZE] = {};
	int r;

	*ret = p;
	if (offset >= v->size_bytes)
		return 0;
	r = vdev_read_bytes(v, head, MIN(v->size_bytes - offset, (uint64_t)HEAD_SIZE), offset);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", v->name, strerror(-r));

	if (memcmp(head, integrity_magic, sizeof(integrity_magic)) == 0)
		r = probe_integrity(v, head, &p, diag);
	else if (memcmp(head, verity_magic, sizeof(verity_magic)) == 0)
		r = probe_verity(head, &p, diag);
	else if (memcmp(head, luks_magic, sizeof(luks_magic)) == 0)
		r = probe_luks(v, head, &p, diag);
	else
		r = probe_fs(v, &p, diag);
	if (r >= 0 && p.kind == PROBE_NOTHING)
		r = probe_second_luks(v, &p);
	*ret = p;
	return r;
}
