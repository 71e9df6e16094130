/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The importer of device-mapper-tools' manifest.json. Its builder wrote images that the kernel
 * cannot read back, or reads without any check; these are refused with the reason, since a
 * mapping that seems to work would be worse than none.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hex.h"
#include "manifest-internal.h"
#include "manifest-v1.h"
#include "overflow.h"

/* The one cipher that its encryption tool knew, whatever the manifest was told to say. */
#define V1_CIPHER "capi:cbc(aes)-plain"

struct v1_crypt {
	const char *mode;
	const char *cipher;
	uint64_t key_bytes;
	uint64_t sector_size;
	uint64_t iv_offset;
};

struct v1_image {
	const char *path;
	const char *sha256;
	uint64_t bytes;
};

/* What is wrong with each layer type of the predecessor's stacks. */
static const struct {
	const char *type;
	const char *reason; /* NULL: nothing */
} v1_types[] = {
	{ "raw", NULL },
	{ "dm-crypt", NULL },
	{ "dm-integrity",
		"no tag was ever computed and no hash algorithm is recorded, so nothing would be "
		"checked; the journal was written with its entries in the wrong sectors, and its "
		"replay overwrites sector 0 of the data" },
	{ "dm-verity",
		"the tree was written leaf level first, which the kernel does not read, salted and "
		"padded as neither format defines it; the number of data blocks is not recorded, "
		"and with encryption the tree is always over the ciphertext" },
};

static int v1_fail(const struct json_place *at, const char *member, const char *what)
{
	(void)json_fail(at, member, "%s; build the image anew with dmstack-build", what);
	return -EOPNOTSUPP;
}

/* Goes through "stack" and refuses what is unsound. *ret_crypts: how many dm-crypt it has. */
static int v1_check_stack(const struct json_place *root, unsigned *ret_crypts)
{
	struct json_object *array;
	unsigned crypts = 0;
	int r;

	r = json_get_array(root, "stack", MANIFEST_LAYERS_MAX, &array);
	if (r < 0)
		return r;
	if (r == 0)
		return json_fail(root, NULL, "\"stack\" is missing");

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_place at = {
			.object = json_object_array_get_idx(array, i),
			.diag = root->diag,
		};
		_cleanup_free_ char *path = NULL;
		const char *type, *reason = NULL;
		bool known = false;

		if (asprintf(&path, "$.stack[%zu]", i) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		at.path = path;
		if (!json_object_is_type(at.object, json_type_object))
			return json_fail(&at, NULL, "must be an object");
		r = json_need_text(&at, "type", &type);
		if (r < 0)
			return r;
		for (size_t j = 0; j < ARRAY_SIZE(v1_types); j++) {
			if (!streq(type, v1_types[j].type))
				continue;
			known = true;
			reason = v1_types[j].reason;
		}
		if (!known)
			return json_fail(&at, "type", "unknown layer type \"%s\"", type);
		if (reason)
			return v1_fail(&at, "type", reason);
		crypts += streq(type, "dm-crypt");
	}
	*ret_crypts = crypts;
	return 0;
}

static int v1_read_crypt(const struct json_place *root, struct v1_crypt *ret)
{
	static const char *const members[] = { "mode", "cipher", "key_bytes", "sector_size",
		"iv_offset", "aead", NULL };
	struct json_place at = { .path = "$.crypt", .diag = root->diag };
	struct v1_crypt crypt;
	int r;

	r = json_get_object(root, "crypt", &at.object);
	if (r < 0)
		return r;
	if (r == 0)
		return v1_fail(root, NULL,
			"there is no \"crypt\", so neither cipher nor sector size are known");
	r = json_check_members(&at, members);
	if (r >= 0)
		r = json_need_text(&at, "mode", &crypt.mode);
	if (r >= 0)
		r = json_need_text(&at, "cipher", &crypt.cipher);
	if (r >= 0)
		r = json_need_u64(&at, "key_bytes", &crypt.key_bytes);
	if (r >= 0)
		r = json_need_u64(&at, "sector_size", &crypt.sector_size);
	if (r >= 0)
		r = json_need_u64(&at, "iv_offset", &crypt.iv_offset);
	if (r < 0)
		return r;

	if (streq(crypt.mode, "aead"))
		return v1_fail(&at, "mode",
			"with \"aead\" the image is plaintext without any tag, and the cipher that "
			"is recorded is not an authenticated one");
	if (!streq(crypt.mode, "plain"))
		return json_fail(&at, "mode", "unknown mode \"%s\"", crypt.mode);
	if (!streq(crypt.cipher, V1_CIPHER))
		return v1_fail(&at, "cipher",
			"the image is encrypted with " V1_CIPHER ", whatever this says");
	if (crypt.key_bytes != 16 && crypt.key_bytes != 24 && crypt.key_bytes != 32)
		return json_fail(
			&at, "key_bytes", "AES has no key of %" PRIu64 " bytes", crypt.key_bytes);
	if (crypt.sector_size < SECTOR_SIZE || crypt.sector_size > 4096 ||
		!is_pow2(crypt.sector_size))
		return json_fail(&at, "sector_size", "%" PRIu64 " is not 512, 1024, 2048 or 4096",
			crypt.sector_size);
	*ret = crypt;
	return 0;
}

static int v1_read_image(
	const struct json_place *root, const struct v1_crypt *crypt, struct v1_image *ret)
{
	static const char *const members[] = { "path", "bytes", "sha256", NULL };
	struct json_place images = { .path = "$.images", .diag = root->diag };
	struct json_place at = { .path = "$.images.data", .diag = root->diag };
	struct v1_image image;
	int r;

	r = json_get_object(root, "images", &images.object);
	if (r == 0)
		r = json_fail(root, NULL, "\"images\" is missing");
	if (r >= 0)
		r = json_get_object(&images, "data", &at.object);
	if (r == 0)
		r = json_fail(&images, NULL, "\"data\" is missing");
	if (r >= 0)
		r = json_check_members(&at, members);
	if (r >= 0)
		r = json_need_text(&at, "path", &image.path);
	if (r >= 0)
		r = json_need_text(&at, "sha256", &image.sha256);
	if (r >= 0)
		r = json_need_u64(&at, "bytes", &image.bytes);
	if (r < 0)
		return r;
	if (image.bytes == 0 || image.bytes % crypt->sector_size != 0)
		return json_fail(&at, "bytes", "%" PRIu64 " is not a multiple of the sector size",
			image.bytes);
	*ret = image;
	return 0;
}

static int layer_set_u64(struct layer *layer, const char *name, uint64_t value, struct diag *diag)
{
	char text[3 * sizeof(value) + 1];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	return layer_set(layer, name, text, diag);
}

/*
 * The encryption tool counts IVs in its own sectors, also larger ones, and adds iv_offset to that
 * count. Its activation script loads a table without iv_large_sectors, which is the fault; the
 * image is sound.
 */
static int v1_set_crypt(
	struct layer *layer, const struct v1_crypt *crypt, uint64_t bytes, struct diag *diag)
{
	uint64_t skip;
	int r;

	if (mul_overflows(crypt->iv_offset, crypt->sector_size / SECTOR_SIZE, &skip))
		return diag_set(
			diag, -ERANGE, "iv_offset: %" PRIu64 " is too large", crypt->iv_offset);

	r = layer_set(layer, "cipher", "aes-cbc-plain", diag);
	if (r >= 0)
		r = layer_set_u64(layer, "size", crypt->key_bytes * 8, diag);
	if (r >= 0)
		r = layer_set_u64(layer, "sector-size", crypt->sector_size, diag);
	if (r >= 0)
		r = layer_set_u64(layer, "skip", skip, diag);
	if (r >= 0 && crypt->sector_size > SECTOR_SIZE)
		r = layer_set(layer, "iv-large-sectors", "yes", diag);
	if (r >= 0)
		r = layer_set_u64(layer, "device-size", bytes, diag);
	return r;
}

static int v1_set_artifact(
	const struct json_place *root, const struct v1_image *image, struct manifest *m)
{
	const char *slash = strrchr(image->path, '/');
	struct manifest_artifact *artifact;

	m->artifacts = calloc(1, sizeof(*m->artifacts));
	if (!m->artifacts)
		return -ENOMEM;
	m->n_artifacts = 1;
	artifact = &m->artifacts[0];
	artifact->file = strdup(slash ? slash + 1 : image->path);
	artifact->layer = strdup(m->name);
	artifact->role = strdup("data");
	if (!artifact->file || !artifact->layer || !artifact->role)
		return -ENOMEM;
	artifact->bytes = image->bytes;
	artifact->has_sha256 = true;
	if (strlen(image->sha256) != 2 * sizeof(artifact->sha256) ||
		hex_decode(image->sha256, artifact->sha256, sizeof(artifact->sha256)) < 0)
		return json_fail(root, "images.data.sha256", "must be 64 hexadecimal digits");
	return 0;
}

/* The defaults are those of apply_manifest.sh; the mount point is always that of the root. */
static int v1_read_mount(const struct json_place *root, struct manifest *m)
{
	static const char *const members[] = { "mountpoint", "fstype", "opts_bootstrap",
		"opts_sealed", NULL };
	_cleanup_(mount_hint_freep) struct mount_hint *mount = NULL;
	struct json_place at = { .path = "$.rootfs", .diag = root->diag };
	bool ext4;
	int r;

	r = json_get_object(root, "rootfs", &at.object);
	if (r <= 0)
		return r;
	r = json_check_members(&at, members);
	if (r < 0)
		return r;
	mount = calloc(1, sizeof(*mount));
	if (!mount)
		return -ENOMEM;

	mount->where = strdup("/");
	r = json_dup_text(&at, "fstype", &mount->type);
	if (r >= 0)
		r = json_dup_text(&at, "opts_bootstrap", &mount->options);
	if (r >= 0)
		r = json_dup_text(&at, "opts_sealed", &mount->options_sealed);
	if (r < 0)
		return r;
	ext4 = mount->type && streq(mount->type, "ext4");
	if (!mount->options)
		mount->options = strdup("rw");
	if (!mount->options_sealed)
		mount->options_sealed = strdup(ext4 ? "ro,errors=panic" : "ro");
	if (!mount->where || !mount->options || !mount->options_sealed)
		return -ENOMEM;

	m->mount = take_ptr(mount);
	return 0;
}

static int v1_read(const struct json_place *root, const char *name, struct manifest *m)
{
	static const char *const members[] = { "manifest_version", "created_utc", "images", "stack",
		"integrity", "crypt", "verity", "rootfs", "firstboot", NULL };
	struct v1_image image = {};
	struct v1_crypt crypt = {};
	unsigned crypts = 0;
	uint64_t version;
	int r;

	r = json_need_u64(root, "manifest_version", &version);
	if (r < 0)
		return r;
	if (version != 1)
		return json_fail(
			root, "manifest_version", "version %" PRIu64 " is not known", version);
	r = json_check_members(root, members);
	if (r >= 0)
		r = v1_check_stack(root, &crypts);
	if (r >= 0 && crypts != 1)
		r = json_fail(root, "stack", "%u layers of type dm-crypt, not one", crypts);
	if (r >= 0)
		r = v1_read_crypt(root, &crypt);
	if (r >= 0)
		r = v1_read_image(root, &crypt, &image);
	if (r < 0)
		return r;

	m->name = strdup(name);
	m->layers = calloc(1, sizeof(*m->layers));
	if (!m->name || !m->layers)
		return -ENOMEM;
	r = layer_new(name, layer_type_find("crypt"), &m->layers[0], root->diag);
	if (r < 0)
		return r;
	m->n_layers = 1;
	r = json_wrap(root, "crypt", v1_set_crypt(m->layers[0], &crypt, image.bytes, root->diag));
	if (r >= 0)
		r = v1_set_artifact(root, &image, m);
	if (r >= 0)
		r = v1_read_mount(root, m);
	return r;
}

int manifest_v1_parse(const char *text, size_t size, const char *file, const char *name,
	struct manifest **ret, struct diag *diag)
{
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	struct json_place root = { .path = "$", .diag = diag };
	int r;

	r = json_read(text, size, file, &object, diag);
	if (r < 0)
		return r;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	root.object = object;
	r = v1_read(&root, name, m);
	if (r < 0)
		return r == -ENOMEM ? r : diag_at(diag, r, "%s", file);

	*ret = take_ptr(m);
	return 0;
}
