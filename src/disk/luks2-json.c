/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON text of a LUKS2 header. Members that are not known are left alone, as the format wants
 * it; what has a meaning for opening is read strictly.
 */

#include "luks2.h"

#include <errno.h>
#include <string.h>

#include "base64.h"
#include "json-scan.h"
#include "json-view.h"
#include "overflow.h"

#define MEMORY_KIB_MAX	(4U << 20) /* cryptsetup's limit: 4 GiB */
#define PARALLELISM_MAX 4U	   /* and its limit of threads */

/* An object that is being read: the first error sticks, and the place is told in it. */
struct reader {
	struct json_view object;
	const char *path;
	struct diag *diag;
	int error;
};

static bool read_member(struct reader *rd, const char *name, struct json_view *ret)
{
	if (rd->error < 0)
		return false;
	if (json_view_member(rd->object, name, ret) >= 0)
		return true;
	rd->error = diag_set(rd->diag, -EUCLEAN, "$.%s has no \"%s\"", rd->path, name);
	return false;
}

static void bad_member(struct reader *rd, const char *name)
{
	rd->error =
		diag_set(rd->diag, -EUCLEAN, "$.%s.%s has a value that cannot be", rd->path, name);
}

static void read_text(struct reader *rd, const char *name, char *ret, size_t size)
{
	struct json_view v;

	if (read_member(rd, name, &v) && json_view_string(v, ret, size) < 0)
		bad_member(rd, name);
}

static void read_u32(struct reader *rd, const char *name, uint32_t min, uint32_t max, uint32_t *ret)
{
	struct json_view v;
	uint64_t n;

	if (!read_member(rd, name, &v))
		return;
	if (json_view_u64(v, &n) < 0 || n < min || n > max)
		bad_member(rd, name);
	else
		*ret = (uint32_t)n;
}

/* Numbers of 64 bits are strings. */
static void read_u64_text(struct reader *rd, const char *name, uint64_t *ret)
{
	char text[24] = "";

	read_text(rd, name, text, sizeof(text));
	if (rd->error >= 0 && json_view_u64((struct json_view){ text, strlen(text) }, ret) < 0)
		bad_member(rd, name);
}

static void read_bytes(
	struct reader *rd, const char *name, uint8_t *ret, size_t space, size_t *ret_size)
{
	char text[128] = "";

	read_text(rd, name, text, sizeof(text));
	if (rd->error >= 0 && base64_decode(text, strlen(text), ret, space, ret_size) < 0)
		bad_member(rd, name);
}

static struct reader read_object(struct reader *rd, const char *name, const char *path)
{
	struct reader sub = { .path = path, .diag = rd->diag };

	(void)read_member(rd, name, &sub.object);
	sub.error = rd->error;
	return sub;
}

/* The number that is a member's name, below limit. */
static int read_id(struct json_view key, unsigned limit, unsigned *ret)
{
	uint64_t id;

	if (json_view_u64(key, &id) < 0 || id >= limit)
		return -EUCLEAN;
	*ret = (unsigned)id;
	return 0;
}

static void read_kdf(struct reader *rd, struct luks2_kdf *kdf)
{
	char type[16] = "";

	read_text(rd, "type", type, sizeof(type));
	read_bytes(rd, "salt", kdf->salt, sizeof(kdf->salt), &kdf->salt_size);
	if (rd->error < 0)
		return;
	if (streq(type, "pbkdf2")) {
		kdf->type = LUKS2_PBKDF2;
		read_text(rd, "hash", kdf->hash, sizeof(kdf->hash));
		read_u32(rd, "iterations", 1, LUKS2_ITERATIONS_MAX, &kdf->iterations);
		return;
	}
	if (!streq(type, "argon2i") && !streq(type, "argon2id")) {
		bad_member(rd, "type");
		return;
	}
	kdf->type = streq(type, "argon2i") ? LUKS2_ARGON2I : LUKS2_ARGON2ID;
	read_u32(rd, "memory", 8, MEMORY_KIB_MAX, &kdf->memory_kib);
	read_u32(rd, "cpus", 1, PARALLELISM_MAX, &kdf->parallelism);
	if (rd->error >= 0)
		read_u32(rd, "time", 1, (uint32_t)(LUKS2_ARGON2_COST_MAX / kdf->memory_kib),
			&kdf->iterations);
}

/* Areas lie between the header's copies and the end of the area of keyslots. */
static void check_area(struct reader *rd, const struct luks2 *h, const struct luks2_keyslot *k)
{
	uint64_t begin = 2 * h->header_size, end, area_end = 0;

	if (rd->error < 0)
		return;
	if (add_overflows(begin, h->keyslots_size, &end) ||
		add_overflows(k->area_offset, k->area_size, &area_end) || k->area_offset < begin ||
		area_end > end || k->area_size < (uint64_t)k->key_size * k->stripes)
		bad_member(rd, "area");
	for (size_t i = 0; rd->error >= 0 && i < h->n_keyslots; i++) {
		const struct luks2_keyslot *other = &h->keyslots[i];

		if (k->area_offset < other->area_offset + other->area_size &&
			other->area_offset < area_end)
			bad_member(rd, "area");
	}
}

static int read_keyslot(struct luks2 *h, unsigned id, struct json_view object, struct diag *diag)
{
	struct reader rd = { .object = object, .path = "keyslots", .diag = diag };
	struct luks2_keyslot *k = &h->keyslots[h->n_keyslots];
	struct json_view v;
	char type[16] = "";
	uint64_t priority;

	*k = (struct luks2_keyslot){ .id = id, .priority = 1 };
	read_text(&rd, "type", type, sizeof(type));
	/* Those of other kinds, such as the one of a reencryption, hold no key for us. */
	if (rd.error >= 0 && !streq(type, "luks2"))
		return 0;
	read_u32(&rd, "key_size", 1, 512, &k->key_size);
	if (json_view_member(object, "priority", &v) >= 0) {
		if (json_view_u64(v, &priority) < 0 || priority > 2)
			bad_member(&rd, "priority");
		else
			k->priority = (unsigned)priority;
	}

	struct reader af = read_object(&rd, "af", "keyslots.af");
	read_text(&af, "type", type, sizeof(type));
	if (af.error >= 0 && !streq(type, "luks1"))
		bad_member(&af, "type");
	read_u32(&af, "stripes", LUKS2_STRIPES, LUKS2_STRIPES, &k->stripes);
	read_text(&af, "hash", k->af_hash, sizeof(k->af_hash));

	rd.error = af.error;
	struct reader area = read_object(&rd, "area", "keyslots.area");
	read_text(&area, "type", type, sizeof(type));
	if (area.error >= 0 && !streq(type, "raw"))
		bad_member(&area, "type");
	read_u64_text(&area, "offset", &k->area_offset);
	read_u64_text(&area, "size", &k->area_size);
	read_text(&area, "encryption", k->area_cipher, sizeof(k->area_cipher));
	read_u32(&area, "key_size", 8, 512, &k->area_key_size);

	rd.error = area.error;
	struct reader kdf = read_object(&rd, "kdf", "keyslots.kdf");
	read_kdf(&kdf, &k->kdf);
	rd.error = kdf.error;
	check_area(&rd, h, k);
	if (rd.error >= 0)
		h->n_keyslots++;
	return rd.error;
}

/* An array of numbers in quotes, as bits. */
static void read_id_list(struct reader *rd, const char *name, uint32_t *ret)
{
	struct json_view array, key, value;
	size_t pos = 0;
	uint64_t id;
	char text[8];
	int r;

	*ret = 0;
	if (!read_member(rd, name, &array))
		return;
	while ((r = json_view_next(array, &pos, &key, &value)) > 0) {
		if (json_view_string(value, text, sizeof(text)) < 0 ||
			json_view_u64((struct json_view){ text, strlen(text) }, &id) < 0 ||
			id >= LUKS2_KEYSLOTS_MAX) {
			bad_member(rd, name);
			return;
		}
		*ret |= UINT32_C(1) << id;
	}
	if (r < 0)
		bad_member(rd, name);
}

static int read_digest(struct luks2 *h, unsigned id, struct json_view object, struct diag *diag)
{
	struct reader rd = { .object = object, .path = "digests", .diag = diag };
	struct luks2_digest *d = &h->digests[h->n_digests];
	uint32_t segments = 0;
	char type[16] = "";

	*d = (struct luks2_digest){ .id = id };
	read_text(&rd, "type", type, sizeof(type));
	if (rd.error >= 0 && !streq(type, "pbkdf2"))
		bad_member(&rd, "type");
	read_text(&rd, "hash", d->hash, sizeof(d->hash));
	read_u32(&rd, "iterations", 1, LUKS2_ITERATIONS_MAX, &d->iterations);
	read_bytes(&rd, "salt", d->salt, sizeof(d->salt), &d->salt_size);
	read_bytes(&rd, "digest", d->digest, sizeof(d->digest), &d->digest_size);
	read_id_list(&rd, "keyslots", &d->keyslots);
	read_id_list(&rd, "segments", &segments);
	/* A short one would match too many keys. */
	if (rd.error >= 0 && d->digest_size < 20)
		bad_member(&rd, "digest");
	d->has_segment = segments & 1;
	for (size_t i = 0; rd.error >= 0 && i < h->n_digests; i++)
		if (d->keyslots & h->digests[i].keyslots ||
			(d->has_segment && h->digests[i].has_segment))
			rd.error = diag_set(diag, -EUCLEAN,
				"$.digests: %u and %u are both about the same key", d->id,
				h->digests[i].id);
	if (rd.error >= 0)
		h->n_digests++;
	return rd.error;
}

static void read_segment_size(struct reader *rd, uint64_t *ret)
{
	struct json_view v;

	if (!read_member(rd, "size", &v))
		return;
	if (json_view_equal(v, "\"dynamic\"")) {
		*ret = 0;
		return;
	}
	read_u64_text(rd, "size", ret);
	if (rd->error >= 0 && *ret == 0)
		bad_member(rd, "size");
}

static void read_segment_integrity(struct reader *rd, struct luks2_segment *s)
{
	struct reader sub = read_object(rd, "integrity", "segments.0.integrity");
	char journal[32] = "";
	struct json_view v;

	read_text(&sub, "type", s->integrity, sizeof(s->integrity));
	read_text(&sub, "journal_encryption", journal, sizeof(journal));
	if (sub.error >= 0 && !streq(journal, "none"))
		bad_member(&sub, "journal_encryption");
	read_text(&sub, "journal_integrity", journal, sizeof(journal));
	if (sub.error >= 0 && !streq(journal, "none"))
		bad_member(&sub, "journal_integrity");
	if (sub.error >= 0 && json_view_member(sub.object, "key_size", &v) >= 0)
		read_u32(&sub, "key_size", 1, 512, &s->integrity_key_size);
	rd->error = sub.error;
}

static int read_segment(struct reader *root, struct luks2 *h)
{
	struct reader rd = { .path = "segments.0", .diag = root->diag };
	struct luks2_segment *s = &h->segment;
	struct json_view segments, key, v;
	char type[16] = "";
	size_t pos = 0, n = 0;

	if (!read_member(root, "segments", &segments))
		return root->error;
	while (json_view_next(segments, &pos, &key, &v) > 0)
		n++;
	if (n != 1)
		return diag_set(root->diag, -EOPNOTSUPP,
			"the header has %zu segments, as while it is reencrypted; one is possible",
			n);
	if (json_view_member(segments, "0", &rd.object) < 0)
		return diag_set(root->diag, -EUCLEAN, "$.segments has no \"0\"");

	read_text(&rd, "type", type, sizeof(type));
	if (rd.error >= 0 && !streq(type, "crypt"))
		return diag_set(root->diag, -EOPNOTSUPP, "the segment is of type \"%s\"", type);
	read_u64_text(&rd, "offset", &s->offset);
	read_segment_size(&rd, &s->size);
	read_u64_text(&rd, "iv_tweak", &s->iv_tweak);
	read_text(&rd, "encryption", s->cipher, sizeof(s->cipher));
	read_u32(&rd, "sector_size", 512, 4096, &s->sector_size);
	if (rd.error >= 0 && (!is_pow2(s->sector_size) || s->offset % 512 || s->size % 512))
		bad_member(&rd, "sector_size");
	if (rd.error >= 0 && json_view_member(rd.object, "integrity", &v) >= 0)
		read_segment_integrity(&rd, s);
	return rd.error;
}

static int read_config(struct reader *root, struct luks2 *h)
{
	struct reader rd = read_object(root, "config", "config");
	uint64_t json_size = 0, areas;

	read_u64_text(&rd, "json_size", &json_size);
	read_u64_text(&rd, "keyslots_size", &h->keyslots_size);
	if (rd.error < 0)
		return rd.error;
	if (json_size != h->header_size - LUKS2_BINARY_SIZE || h->keyslots_size % 4096 ||
		h->keyslots_size > (128U << 20))
		return diag_set(rd.diag, -EUCLEAN, "$.config has sizes that cannot be");
	areas = 2 * h->header_size + h->keyslots_size;
	if (h->segment.offset != 0 && h->segment.offset < areas)
		return diag_set(rd.diag, -EUCLEAN, "the data begins within the header");
	return 0;
}

/* What a program must know to open the volume. Nothing of that is known here. */
static int check_requirements(struct reader *root)
{
	struct json_view config, requirements, mandatory, key, v;
	char word[64] = "";
	size_t pos = 0;
	int r;

	if (json_view_member(root->object, "config", &config) < 0 ||
		json_view_member(config, "requirements", &requirements) < 0 ||
		json_view_member(requirements, "mandatory", &mandatory) < 0)
		return 0;
	r = json_view_next(mandatory, &pos, &key, &v);
	if (r == 0)
		return 0;
	if (r < 0 || json_view_string(v, word, sizeof(word)) < 0)
		return diag_set(root->diag, -EUCLEAN, "$.config.requirements.mandatory is no list");
	if (strstr(word, "reencrypt"))
		return diag_set(root->diag, -EOPNOTSUPP,
			"the volume is being reencrypted (%s); that has to be finished first, with "
			"cryptsetup reencrypt",
			word);
	return diag_set(
		root->diag, -EOPNOTSUPP, "the header requires %s, which is not known here", word);
}

/* No token is used here, but the keyslots that it is about are told. */
static int read_token(struct luks2 *h, unsigned id, struct json_view object, struct diag *diag)
{
	struct reader rd = { .object = object, .path = "tokens", .diag = diag };
	struct luks2_token *t = &h->tokens[h->n_tokens];

	*t = (struct luks2_token){ .id = id };
	read_text(&rd, "type", t->type, sizeof(t->type));
	read_id_list(&rd, "keyslots", &t->keyslots);
	if (rd.error >= 0)
		h->n_tokens++;
	return rd.error;
}

int luks2_token_decode(const char *text, size_t size, struct luks2_token *ret, struct diag *diag)
{
	struct reader rd = { .path = "token", .diag = diag };
	struct luks2_token token = {};
	char description[256];
	int r;

	r = json_scan(text, size, "token", diag);
	if (r < 0)
		return r;
	rd.object = json_view_of(text, size);
	read_text(&rd, "type", token.type, sizeof(token.type));
	read_id_list(&rd, "keyslots", &token.keyslots);
	if (streq(token.type, "luks2-keyring"))
		read_text(&rd, "key_description", description, sizeof(description));
	if (rd.error < 0 || !*token.type)
		return diag_set(diag, -EINVAL, "$.token.type is empty");
	token.id = ret->id;
	*ret = token;
	return 0;
}

/* The members of an object whose names are numbers. */
static int read_numbered(struct reader *root, struct luks2 *h, const char *name, unsigned limit,
	int (*read)(struct luks2 *h, unsigned id, struct json_view object, struct diag *diag))
{
	struct json_view object, key, value;
	size_t pos = 0, n = 0;
	unsigned id;
	int r;

	if (!read_member(root, name, &object))
		return root->error;
	while ((r = json_view_next(object, &pos, &key, &value)) > 0) {
		if (read_id(key, limit, &id) < 0 || n++ == limit)
			return diag_set(
				root->diag, -EUCLEAN, "$.%s has one without a number", name);
		r = read(h, id, value, root->diag);
		if (r < 0)
			return r;
	}
	return r < 0 ? diag_set(root->diag, -EUCLEAN, "$.%s is no object", name) : 0;
}

int luks2_json_decode(const char *text, size_t size, struct luks2 *ret, struct diag *diag)
{
	struct reader root = { .path = "", .diag = diag };
	int r;

	r = json_scan(text, size, "LUKS2 header", diag);
	if (r < 0)
		return r == -EINVAL ? -EUCLEAN : r;
	root.object = json_view_of(text, size);
	r = check_requirements(&root);
	if (r >= 0)
		r = read_segment(&root, ret);
	if (r >= 0)
		r = read_config(&root, ret);
	if (r >= 0)
		r = read_numbered(&root, ret, "keyslots", LUKS2_KEYSLOTS_MAX, read_keyslot);
	if (r >= 0)
		r = read_numbered(&root, ret, "digests", LUKS2_DIGESTS_MAX, read_digest);
	if (r >= 0)
		r = read_numbered(&root, ret, "tokens", LUKS2_TOKENS_MAX, read_token);
	return r;
}
