/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build inspect: what superblocks say, without keys and without trusting them. With
 * --layer, whether what they speak of is sound.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "fact-printer.h"
#include "inspect-layer.h"
#include "json-text.h"
#include "overflow.h"
#include "parse.h"
#include "probe.h"
#include "vdev-file.h"
#include "build-verbs.h"

#define SECTOR	  512U
#define SCAN_STEP 512U
#define SCAN_SIZE (1U << 20)

struct inspect_opts {
	struct strlist keys;
	const char *layer;
	uint64_t offset;
	bool scan, json;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct inspect_opts, member),         \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("offset", OPTION_SIZE, offset, .letter = 'o', .arg = "BYTES",
		.help = "look there and not at the begin"),
	OPTION("scan", OPTION_FLAG, scan,
		.help = "look for superblocks of integrity, verity and LUKS in the whole file"),
	OPTION("layer", OPTION_STRING, layer, .letter = 'l', .arg = "TYPE,...",
		.help = "check every block of this one layer"),
	OPTION("key", OPTION_LIST, keys, .letter = 'k', .arg = "REF=FILE",
		.help = "where the bytes of a key are now"),
	OPTION("json", OPTION_FLAG, json, .help = "print one JSON object a superblock"),
};

static void print_flags(struct fact_printer *p, uint32_t flags)
{
	static const char *const names[] = { "have_journal_mac", "recalculating", "dirty_bitmap",
		"fix_padding", "fix_hmac", "inline" };
	_cleanup_(buf_done) struct buf text = {};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & 1U << i)
			buf_printf(&text, "%s%s", text.size ? " " : "", names[i]);
	fact_text(p, "flags", buf_str(&text));
}

static void print_journal(struct fact_printer *p, const struct probe *probe)
{
	static const char *const journals[] = {
		[JOURNAL_EMPTY] = "empty",
		[JOURNAL_IN_USE] = "in use: it would be replayed",
		[JOURNAL_UNKNOWN] = "encrypted or broken",
		[JOURNAL_CUT] = "cut: the file ends within it",
		[JOURNAL_BITMAP] = "a bitmap in its place: it was not closed",
	};
	const struct integrity_geometry *geo = &probe->integrity.geo;

	fact_u64(p, "journal-offset", probe->offset + INTEGRITY_SB_SIZE);
	fact_u64(p, "journal-sections", geo->journal_sections);
	fact_u64(p, "journal-section-bytes", (uint64_t)geo->section_sectors * SECTOR);
	fact_u64(p, "journal-bytes", integrity_journal_sectors(geo) * SECTOR);
	fact_u64(p, "journal-blocks", (uint64_t)geo->journal_sections * geo->section_entries);
	fact_text(p, "journal", journals[probe->integrity.journal]);
	if (probe->integrity.journal == JOURNAL_IN_USE) {
		fact_u64(p, "journal-replay-sections", probe->integrity.replay_sections);
		fact_u64(p, "journal-replay-blocks", probe->integrity.replay_blocks);
	}
	if (probe->integrity.journal == JOURNAL_BITMAP)
		fact_u64(p, "bitmap-bits-set", probe->integrity.bitmap_bits_set);
}

static void print_places(struct fact_printer *p, const struct probe *probe)
{
	const struct integrity_geometry *geo = &probe->integrity.geo;
	uint64_t provided = probe->integrity.sb.provided_sectors;

	fact_u64(p, "tags-offset", integrity_tag_byte(geo, 0));
	if (!geo->has_meta) {
		fact_u64(p, "tags-run-bytes", geo->run_sectors * SECTOR);
		fact_u64(p, "data-offset", integrity_data_sector(geo, 0) * SECTOR);
		fact_u64(p, "areas",
			div_round_up_u64(provided, UINT64_C(1) << geo->log2_interleave_sectors));
	}
	if (probe->integrity.fits_sectors == 0)
		fact_text(p, "file", "too small for what the superblock says");
	else if (probe->integrity.fits_sectors != provided)
		fact_text(p, "file", "of another size: the kernel would change provided-bytes");
	else
		fact_text(p, "file",
			geo->has_meta ? "holds all tags, the data are elsewhere"
				      : "of the size that the superblock says");
}

static void print_integrity(struct fact_printer *p, const struct probe *probe)
{
	const struct integrity_sb *sb = &probe->integrity.sb;

	fact_u64(p, "version", sb->version);
	fact_u64(p, "tag-size", sb->tag_size);
	fact_u64(p, "sector-size", (uint64_t)SECTOR << sb->log2_sectors_per_block);
	fact_u64(p, "provided-sectors", sb->provided_sectors);
	fact_u64(p, "provided-bytes", sb->provided_sectors * SECTOR);
	fact_u64(p, "log2-interleave-sectors", sb->log2_interleave_sectors);
	fact_u64(p, "interleave-sectors",
		sb->log2_interleave_sectors ? UINT64_C(1) << sb->log2_interleave_sectors : 0);
	fact_u64(p, "log2-blocks-per-bitmap-bit", sb->log2_blocks_per_bitmap_bit);
	fact_u64(p, "sectors-per-bitmap-bit",
		UINT64_C(1) << (sb->log2_sectors_per_block + sb->log2_blocks_per_bitmap_bit));
	print_flags(p, sb->flags);
	if (sb->flags & INTEGRITY_SB_RECALCULATING)
		fact_u64(p, "recalculate-sector", sb->recalc_sector);
	if (sb->flags & INTEGRITY_SB_FIX_HMAC)
		fact_hex(p, "salt", sb->salt, sizeof(sb->salt));
	if (!probe->integrity.has_geo)
		return;
	print_journal(p, probe);
	print_places(p, probe);
}

static void print_verity(struct fact_printer *p, const struct probe *probe)
{
	const struct verity_sb *sb = &probe->verity.sb;
	char uuid[37];

	format_uuid(sb->uuid, uuid);
	fact_u64(p, "format", sb->hash_type);
	fact_text(p, "hash", sb->algorithm);
	fact_u64(p, "data-block-size", sb->data_block_size);
	fact_u64(p, "hash-block-size", sb->hash_block_size);
	fact_u64(p, "data-blocks", sb->data_blocks);
	fact_text(p, "uuid", uuid);
	fact_hex(p, "salt", sb->salt, sb->salt_size);
	if (!probe->verity.has_tree)
		return;
	fact_u64(p, "tree-levels", probe->verity.tree.levels);
	fact_u64(p, "tree-offset", probe->verity.tree.start_block * sb->hash_block_size);
	fact_u64(p, "tree-bytes", probe->verity.tree.tree_blocks * sb->hash_block_size);
	fact_u64(p, "end-offset", probe->verity.tree.end_byte);
}

static void print_luks(struct fact_printer *p, const struct probe *probe)
{
	fact_u64(p, "version", probe->luks.version);
	if (probe->luks.header)
		luks_facts(p, probe->luks.header);
	else
		fact_text(p, "uuid", probe->luks.uuid);
}

static void print_fs(struct fact_printer *p, const struct probe *probe)
{
	fact_text(p, "type", probe->fs.type);
	fact_u64(p, "block-size", probe->fs.block_size);
	if (probe->fs.size)
		fact_u64(p, "bytes", probe->fs.size);
}

static const struct {
	const char *name;
	void (*print)(struct fact_printer *p, const struct probe *probe);
} kinds[] = {
	[PROBE_NOTHING] = { "nothing", NULL },
	[PROBE_INTEGRITY] = { "integrity", print_integrity },
	[PROBE_VERITY] = { "verity", print_verity },
	[PROBE_LUKS] = { "luks", print_luks },
	[PROBE_FS] = { "file-system", print_fs },
};

/* One superblock that is looked at. */
struct inspect {
	const struct inspect_opts *opts;
	struct inspect_layer *layer; /* NULL: only the superblock is */
	size_t found, broken;
};

static int print_state(struct inspect *inspect, struct fact_printer *p, struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	struct inspect_state state;
	int r;

	r = inspect_layer_check(inspect->layer, &state, &why, diag);
	if (r < 0)
		return r;
	if (!state.opened || state.damaged_blocks > 0)
		inspect->broken++;
	fact_text(p, "state",
		!state.opened		   ? (why.what ? why.what : "it cannot be opened")
		: state.damaged_blocks > 0 ? "damaged"
		: state.journal_blocks > 0 ? "sound with what is in the journal"
					   : "sound");
	if (!state.opened)
		return 0;
	fact_u64(p, "sound-blocks", state.sound_blocks);
	fact_u64(p, "damaged-blocks", state.damaged_blocks);
	fact_u64(p, "blocks-in-journal-only", state.journal_blocks);
	return 0;
}

/* bad: what is wrong with it, or NULL. */
static int print_probe(
	struct inspect *inspect, const struct probe *probe, const char *bad, struct diag *diag)
{
	bool json = inspect->opts->json;
	int r = 0;

	_cleanup_(buf_done) struct buf buf = {};
	struct fact_printer p = { .buf = &buf, .json = json };

	if (json) {
		buf_putc(&buf, '{');
		json_member(&buf, "superblock", kinds[probe->kind].name);
		json_member_u64(&buf, "offset", probe->offset);
		if (bad)
			json_member(&buf, "broken", bad);
	} else {
		buf_printf(&buf, "%s at byte %" PRIu64 "%s%s\n", kinds[probe->kind].name,
			probe->offset, bad ? ", broken: " : "", bad ? bad : "");
	}
	if (!bad)
		kinds[probe->kind].print(&p, probe);
	if (!bad && inspect->layer)
		r = print_state(inspect, &p, diag);
	if (r < 0)
		return r;
	if (json)
		buf_puts(&buf, "}\n");
	fputs(buf_str(&buf), stdout);
	return 0;
}

/* Prints what is at one place; counts it, and whether it is broken. */
static int inspect_at(struct inspect *inspect, struct vdev *v, uint64_t offset, struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	_cleanup_(probe_done) struct probe probe;
	int r;

	r = probe_at(v, offset, &probe, &why);
	if (probe.kind == PROBE_NOTHING) {
		diag_move(diag, &why);
		return r;
	}
	if (r < 0)
		inspect->broken++;
	inspect->found++;
	return print_probe(
		inspect, &probe, r < 0 ? (why.what ? why.what : strerror(-r)) : NULL, diag);
}

static bool has_magic(const uint8_t *p)
{
	return memcmp(p, "integrt\0", 8) == 0 || memcmp(p, "verity\0\0", 8) == 0 ||
	       memcmp(p, "LUKS\xba\xbe", 6) == 0;
}

static int scan(struct inspect *inspect, struct vdev *v, struct diag *diag)
{
	const struct inspect_opts *o = inspect->opts;

	_cleanup_free_ uint8_t *chunk = malloc(SCAN_SIZE);
	uint64_t len;

	if (!chunk)
		return -ENOMEM;
	/* The begin was looked at already. */
	for (uint64_t offset = o->offset; offset < v->size_bytes; offset += len) {
		uint64_t hole;
		int r;

		len = MIN(v->size_bytes - offset, (uint64_t)SCAN_SIZE);
		if (vdev_is_hole(v, len, offset, &hole)) {
			len = hole;
			continue;
		}
		r = vdev_read(v, chunk, len, offset);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s: %s", v->name, strerror(-r));
		for (uint64_t i = 0; i < len; i += SCAN_STEP) {
			if (offset + i == o->offset || !has_magic(chunk + i))
				continue;
			r = inspect_at(inspect, v, offset + i, diag);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int check_options(const struct inspect_opts *o, struct diag *diag)
{
	if (o->offset % SECTOR)
		return usage_error(diag, "--offset: %ju is not a multiple of %u",
			(uintmax_t)o->offset, SECTOR);
	if (o->layer && (o->offset || o->scan))
		return usage_error(diag, "--layer says where the superblock is, so --offset and "
					 "--scan do not go with it");
	if (!o->layer && o->keys.n > 0)
		return usage_error(diag, "--key is of use only with --layer");
	return 0;
}

static int inspect_file(
	struct inspect *inspect, const char *path, uint64_t offset, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	int r;

	r = vdev_file_open(AT_FDCWD, path, 0, &v, diag);
	if (r >= 0 && offset >= v->size_bytes)
		r = diag_set(
			diag, -EINVAL, "%s has only %ju bytes", path, (uintmax_t)v->size_bytes);
	if (r >= 0)
		r = inspect_at(inspect, v, offset, diag);
	if (r >= 0 && inspect->opts->scan)
		r = scan(inspect, v, diag);
	return r;
}

static int inspect_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(inspect_layer_done) struct inspect_layer layer = {};
	const struct inspect_opts *o = opts;
	struct inspect inspect = { .opts = o };
	const char *path = args[0];
	uint64_t offset = o->offset;
	int r;

	r = check_options(o, diag);
	if (r == 0 && o->layer) {
		r = inspect_layer_init(&layer, o->layer, &o->keys, args[0], diag);
		inspect.layer = &layer;
		path = layer.path;
		offset = layer.offset;
	}
	if (r != 0)
		return r;
	r = inspect_file(&inspect, path, offset, diag);
	if (r < 0)
		return r;
	if (inspect.found == 0)
		return diag_set(diag, -ENODATA, "%s: no superblock is recognised at byte %ju", path,
			(uintmax_t)offset);
	return inspect.broken ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_inspect = {
	.name = "inspect",
	.args = "FILE",
	.n_args = 1,
	.summary = "Show the superblocks in a file",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct inspect_opts),
	.run = inspect_run,
};
