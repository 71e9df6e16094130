/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The geometry of dm-integrity. Metadata and data on one device:
 *
 *	start    +8         initial          +R                  +2^I
 *	| superblock | journal | tags of area 0 | data of area 0 | tags of area 1 | data ...
 *
 * Every area has a tag run of R sectors in full length, the last one too. With a metadata
 * device all tags follow the journal there, and the data device holds nothing but data. The
 * journal is made of equal sections of 8 sectors of entries and the blocks that they describe.
 * The rules are those of the kernel's drivers/md/dm-integrity.c, found by reading and checked
 * against superblocks which it wrote.
 *
 * No sum here overflows 64 bits: devices have at most 2^52 sectors, tags at most 255 bytes, and
 * a tag run is never longer than the data that it describes by more than 256 sectors.
 */

#include <errno.h>

#include "integrity-geometry.h"
#include "overflow.h"

#define SECTOR			512
#define JOURNAL_ENTRY_SECTORS	8   /* of each section */
#define JOURNAL_SECTOR_BYTES	504 /* before the commit id */
#define JOURNAL_MAC_BYTES	8   /* of each sector with entries */
#define DEFAULT_JOURNAL_SECTORS UINT64_C(131072)
#define DEFAULT_JOURNAL_SHIFT	7 /* the device's size by 128 */
#define PADDING_SECTORS		8
#define LEGACY_PADDING_SECTORS	256
#define LOG2_INTERLEAVE_MIN	3
#define LOG2_INTERLEAVE_MAX	31
#define LOG2_LEGACY_MIN		7
#define LOG2_BUFFER_MIN		3
#define LOG2_BUFFER_MAX		22

/* What is fixed before the number of journal sections and the provided size are searched for. */
struct search {
	struct integrity_geometry geo;
	uint64_t data_sectors;
	uint64_t meta_sectors; /* of the device with the metadata */
	bool fix_padding;
	bool journal_mac;
	uint32_t sectors_per_bit;
};

static int check_params(const struct integrity_format *p, struct diag *diag)
{
	if (p->block_size < SECTOR || p->block_size > 4096 || !is_pow2(p->block_size))
		return diag_set(diag, -EINVAL,
			"integrity: block size %u is not 512, 1024, 2048 or 4096", p->block_size);
	if (p->tag_size == 0 || p->tag_size > INTEGRITY_TAG_SIZE_MAX)
		return diag_set(diag, -EINVAL, "integrity: tag size %u is not within 1 and %d",
			p->tag_size, INTEGRITY_TAG_SIZE_MAX);
	if (p->data_sectors > INTEGRITY_DEVICE_SECTORS_MAX ||
		p->start_sector > INTEGRITY_DEVICE_SECTORS_MAX ||
		(p->has_meta && p->meta_sectors > INTEGRITY_DEVICE_SECTORS_MAX))
		return diag_set(
			diag, -EOVERFLOW, "integrity: a device is larger than 2^52 sectors");
	if (p->journal_sectors > UINT32_MAX)
		return diag_set(diag, -EOVERFLOW, "integrity: the journal is too large");
	return 0;
}

static uint8_t log2_clamped(uint32_t n, uint32_t otherwise, unsigned min, unsigned max)
{
	return (uint8_t)MAX(min, MIN(max, log2_u64(n ?: otherwise)));
}

static void set_block(struct search *s, uint32_t tag_size, uint8_t log2_sectors_per_block)
{
	struct integrity_geometry *geo = &s->geo;
	uint32_t space = JOURNAL_SECTOR_BYTES - (s->journal_mac ? JOURNAL_MAC_BYTES : 0);

	geo->tag_size = tag_size;
	geo->log2_sectors_per_block = log2_sectors_per_block;
	geo->block_size = (uint32_t)SECTOR << log2_sectors_per_block;
	geo->entry_size = (uint32_t)align_up_u64(8 + (8U << log2_sectors_per_block) + tag_size, 8);
	geo->section_entries = space / geo->entry_size * JOURNAL_ENTRY_SECTORS;
	geo->section_sectors =
		(geo->section_entries << log2_sectors_per_block) + JOURNAL_ENTRY_SECTORS;
}

static void set_sections(struct integrity_geometry *geo, uint32_t sections)
{
	geo->journal_sections = sections;
	geo->initial_sectors = INTEGRITY_SB_SECTORS + integrity_journal_sectors(geo);
}

static void set_run(struct search *s, uint8_t log2_interleave)
{
	struct integrity_geometry *geo = &s->geo;
	uint64_t tags = (uint64_t)geo->tag_size << (log2_interleave - geo->log2_sectors_per_block);
	uint64_t padding = s->fix_padding ? PADDING_SECTORS : LEGACY_PADDING_SECTORS;

	geo->log2_interleave_sectors = log2_interleave;
	geo->run_sectors = align_up_u64(tags, padding * SECTOR) / SECTOR;
	geo->buffer_sectors =
		(uint32_t)MIN((uint64_t)geo->buffer_sectors, geo->run_sectors & -geo->run_sectors);
}

/* The kernel rounds the place of tags down to whole buffers, so an area must not be smaller. */
static int check_legacy(const struct search *s, struct diag *diag)
{
	const struct integrity_geometry *geo = &s->geo;
	uint32_t interleave = UINT32_C(1) << geo->log2_interleave_sectors;

	if (geo->has_meta || s->fix_padding)
		return 0;
	if (geo->log2_interleave_sectors >= LOG2_LEGACY_MIN && interleave >= geo->buffer_sectors)
		return 0;
	return diag_set(diag, -EOPNOTSUPP,
		"integrity: an interleave of %u sectors without fix_padding makes the kernel overwrite data",
		interleave);
}

/* Sectors of the tags on a metadata device; whole buffers. */
static uint64_t meta_tag_sectors(const struct integrity_geometry *geo)
{
	uint64_t bytes = (geo->provided_sectors >> geo->log2_sectors_per_block) * geo->tag_size;

	return align_up_u64(div_round_up_u64(bytes, SECTOR), geo->buffer_sectors);
}

static bool fits(const struct search *s)
{
	const struct integrity_geometry *geo = &s->geo;

	if (geo->initial_sectors + PADDING_SECTORS >= s->meta_sectors ||
		geo->initial_sectors > UINT32_MAX)
		return false;
	if (geo->has_meta)
		return geo->initial_sectors + meta_tag_sectors(geo) <= s->meta_sectors;
	return integrity_data_sector(geo, geo->provided_sectors - 1) < s->meta_sectors;
}

/*
 * The largest multiple of 8 sectors whose last sector is still on the device; 0 if there is none.
 */
static uint64_t find_provided(struct search *s)
{
	uint64_t *provided = &s->geo.provided_sectors;

	*provided = 0;
	for (uint64_t bit = UINT64_C(1) << 52; bit >= 8; bit >>= 1) {
		*provided |= bit;
		if (!fits(s))
			*provided &= ~bit;
	}
	return *provided;
}

static void set_bitmap_granularity(struct search *s)
{
	struct integrity_geometry *geo = &s->geo;
	unsigned log2_bit = log2_u64(s->sectors_per_bit ?: INTEGRITY_SECTORS_PER_BIT);
	uint64_t bits = MIN(integrity_journal_sectors(geo) * SECTOR * 8, (uint64_t)UINT32_MAX);

	log2_bit = MAX(log2_bit, (unsigned)geo->log2_sectors_per_block);
	while (bits < div_round_up_u64(geo->provided_sectors, UINT64_C(1) << log2_bit))
		log2_bit++;
	geo->log2_blocks_per_bitmap_bit = (uint8_t)(log2_bit - geo->log2_sectors_per_block);
}

static int too_small(const struct search *s, struct diag *diag)
{
	return diag_set(diag, -ENOSPC, "integrity: %llu sectors are too small for the metadata",
		(unsigned long long)s->meta_sectors);
}

/*
 * The end of what is used. The kernel forgets the start sector when it checks a metadata device,
 * and would then write behind its end.
 */
static int finish(struct search *s, struct integrity_geometry *ret, struct diag *diag)
{
	struct integrity_geometry *geo = &s->geo;

	geo->meta_end_sector =
		geo->has_meta ? geo->start_sector + geo->initial_sectors + meta_tag_sectors(geo)
			      : integrity_data_sector(geo, geo->provided_sectors - 1) + 1;
	if (geo->meta_end_sector > s->meta_sectors)
		return too_small(s, diag);
	set_bitmap_granularity(s);
	*ret = *geo;
	return 0;
}

static void search_init(struct search *s, const struct integrity_format *p)
{
	*s = (struct search){
		.geo = {
			.start_sector = p->start_sector,
			.has_meta = p->has_meta,
			.buffer_sectors = UINT32_C(1) << log2_clamped(p->buffer_sectors,
				INTEGRITY_BUFFER_SECTORS, 0, LOG2_BUFFER_MAX),
		},
		.data_sectors = p->data_sectors,
		.meta_sectors = p->has_meta ? p->meta_sectors : p->data_sectors,
		.fix_padding = p->fix_padding && !p->has_meta,
		.journal_mac = p->journal_mac,
		.sectors_per_bit = p->sectors_per_bit,
	};
}

/* With the block and the run set, but neither sections nor provided size. */
static int search_init_format(struct search *s, const struct integrity_format *p, struct diag *diag)
{
	int r = check_params(p, diag);
	if (r < 0)
		return r;
	search_init(s, p);
	set_block(s, p->tag_size, (uint8_t)log2_u64(p->block_size / SECTOR));
	if (!p->has_meta)
		set_run(s, log2_clamped(p->interleave_sectors, INTEGRITY_INTERLEAVE_SECTORS,
				   LOG2_INTERLEAVE_MIN, LOG2_INTERLEAVE_MAX));
	return check_legacy(s, diag);
}

static uint32_t wanted_sections(const struct search *s, uint64_t journal_sectors)
{
	if (journal_sectors == 0)
		journal_sectors =
			MIN(DEFAULT_JOURNAL_SECTORS, s->data_sectors >> DEFAULT_JOURNAL_SHIFT);
	return (uint32_t)MAX(journal_sectors / s->geo.section_sectors, UINT64_C(1));
}

/* As many of the wanted sections as fit, taken bit by bit; 0 if not even one does. */
static uint32_t find_sections(struct search *s, uint32_t wanted)
{
	uint32_t sections = 0;

	for (uint32_t bit = UINT32_C(1) << log2_u64(wanted); bit != 0; bit >>= 1) {
		if ((sections | bit) > wanted)
			continue;
		set_sections(&s->geo, sections | bit);
		if (fits(s))
			sections |= bit;
	}
	set_sections(&s->geo, sections);
	return sections;
}

static int format_with_meta(struct search *s, uint32_t wanted, struct diag *diag)
{
	struct integrity_geometry *geo = &s->geo;

	geo->provided_sectors = align_down_u64(s->data_sectors, geo->block_size / SECTOR);
	if (geo->provided_sectors == 0)
		return diag_set(diag, -ENOSPC, "integrity: the data device has no block");
	while (find_sections(s, wanted) == 0) {
		if (geo->buffer_sectors <= 1U << LOG2_BUFFER_MIN)
			return too_small(s, diag);
		geo->buffer_sectors /= 2;
	}
	return 0;
}

int integrity_geometry_format(
	const struct integrity_format *params, struct integrity_geometry *ret, struct diag *diag)
{
	struct search s;
	int r = search_init_format(&s, params, diag);
	if (r < 0)
		return r;

	uint32_t wanted = wanted_sections(&s, params->journal_sectors);
	if (params->has_meta) {
		r = format_with_meta(&s, wanted, diag);
		if (r < 0)
			return r;
	} else {
		set_sections(&s.geo, wanted);
		if (find_provided(&s) == 0)
			return too_small(&s, diag);
	}
	return finish(&s, ret, diag);
}

static int check_sb(
	const struct integrity_format *p, const struct integrity_sb *sb, struct diag *diag)
{
	if (sb->flags & INTEGRITY_SB_INLINE)
		return diag_set(diag, -EOPNOTSUPP,
			"integrity superblock: inline tags need hardware metadata");
	if (sb->journal_sections == 0)
		return diag_set(diag, -EINVAL, "integrity superblock: there is no journal");
	if (p->has_meta != (sb->log2_interleave_sectors == 0))
		return diag_set(diag, -EINVAL,
			p->has_meta ? "integrity superblock: it was not made with a metadata device"
				    : "integrity superblock: it was made with a metadata device");
	return 0;
}

static int open_with_meta(struct search *s, struct diag *diag)
{
	struct integrity_geometry *geo = &s->geo;

	geo->provided_sectors = align_down_u64(s->data_sectors, geo->block_size / SECTOR);
	if (geo->provided_sectors == 0)
		return diag_set(diag, -ENOSPC, "integrity: the data device has no block");
	while (!fits(s)) {
		if (geo->buffer_sectors <= 1U << LOG2_BUFFER_MIN)
			return too_small(s, diag);
		geo->buffer_sectors /= 2;
	}
	return 0;
}

int integrity_geometry_open(const struct integrity_format *params, const struct integrity_sb *sb,
	struct integrity_geometry *ret, struct diag *diag)
{
	int r = check_sb(params, sb, diag);
	if (r < 0)
		return r;

	struct integrity_format p = *params;
	p.tag_size = sb->tag_size;
	p.block_size = (uint32_t)SECTOR << MIN(sb->log2_sectors_per_block, 4);
	p.journal_sectors = 0;
	p.interleave_sectors = UINT32_C(1) << MIN(sb->log2_interleave_sectors, 31);
	p.journal_mac = sb->flags & INTEGRITY_SB_HAVE_JOURNAL_MAC;
	p.fix_padding = sb->flags & INTEGRITY_SB_FIX_PADDING;

	struct search s;
	r = search_init_format(&s, &p, diag);
	if (r < 0)
		return r;
	set_sections(&s.geo, sb->journal_sections);
	if (p.has_meta) {
		r = open_with_meta(&s, diag);
		if (r < 0)
			return r;
	} else if (find_provided(&s) == 0) {
		return too_small(&s, diag);
	}
	return finish(&s, ret, diag);
}

void integrity_geometry_sb(const struct integrity_geometry *geo, uint32_t flags,
	const uint8_t salt[INTEGRITY_SALT_SIZE], struct integrity_sb *ret)
{
	*ret = (struct integrity_sb){
		.version = integrity_sb_version(flags, geo->has_meta, false),
		.log2_interleave_sectors = geo->log2_interleave_sectors,
		.tag_size = (uint16_t)geo->tag_size,
		.journal_sections = geo->journal_sections,
		.provided_sectors = geo->provided_sectors,
		.flags = flags,
		.log2_sectors_per_block = geo->log2_sectors_per_block,
		.log2_blocks_per_bitmap_bit = geo->log2_blocks_per_bitmap_bit,
	};
	for (size_t i = 0; i < INTEGRITY_SALT_SIZE; i++)
		ret->salt[i] = salt[i];
}

uint64_t integrity_data_sector(const struct integrity_geometry *geo, uint64_t sector)
{
	if (geo->has_meta)
		return sector;
	return geo->start_sector + geo->initial_sectors + sector +
	       ((sector >> geo->log2_interleave_sectors) + 1) * geo->run_sectors;
}

uint64_t integrity_tag_byte(const struct integrity_geometry *geo, uint64_t sector)
{
	uint64_t base = geo->start_sector + geo->initial_sectors;
	uint64_t offset = sector;

	if (!geo->has_meta) {
		uint64_t area = sector >> geo->log2_interleave_sectors;

		offset = sector & ((UINT64_C(1) << geo->log2_interleave_sectors) - 1);
		base += (sector - offset) + area * geo->run_sectors;
	}
	return base * SECTOR + (offset >> geo->log2_sectors_per_block) * geo->tag_size;
}

uint64_t integrity_run_sectors(const struct integrity_geometry *geo, uint64_t sector)
{
	uint64_t area = UINT64_C(1) << geo->log2_interleave_sectors;
	uint64_t rest = geo->provided_sectors - sector;

	return geo->has_meta ? rest : MIN(rest, area - (sector & (area - 1)));
}

uint64_t integrity_area_count(const struct integrity_geometry *geo)
{
	if (geo->has_meta)
		return 1;
	return div_round_up_u64(geo->provided_sectors, UINT64_C(1) << geo->log2_interleave_sectors);
}

void integrity_area_get(
	const struct integrity_geometry *geo, uint64_t index, struct integrity_area *ret)
{
	uint64_t first = geo->has_meta ? 0 : index << geo->log2_interleave_sectors;
	uint64_t sectors = geo->provided_sectors - first;

	if (!geo->has_meta)
		sectors = MIN(sectors, UINT64_C(1) << geo->log2_interleave_sectors);
	*ret = (struct integrity_area){
		.first_sector = first,
		.sectors = sectors,
		.data_sector = integrity_data_sector(geo, first),
		.tag_byte = integrity_tag_byte(geo, first),
		.tag_bytes = (sectors >> geo->log2_sectors_per_block) * geo->tag_size,
		.run_bytes = (geo->has_meta ? meta_tag_sectors(geo) : geo->run_sectors) * SECTOR,
	};
}
