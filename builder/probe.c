/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognises superblocks and reads what they say. It decides nothing: what a layer makes of its
 * superblock is the layer type's adopt().
 */

#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "probe.h"

#define HEAD_SIZE 4096U

static const uint8_t integrity_magic[8] = "integrt";
static const uint8_t verity_magic[8] = "verity\0";
static const uint8_t luks_magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

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
