/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a stack changes the bytes that it is given. Where it does not, the input is the data
 * image, and only tree, tags and parity have to be written.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fd.h"
#include "in-place.h"
#include "layer-crypt.h"
#include "layer-integrity.h"
#include "layer-linear.h"
#include "layer-luks.h"
#include "layer-verity.h"

static bool keeps_data(const struct layer *layer)
{
	if (layer->type == &layer_type_linear)
		return linear_fields(layer)->offset == 0;
	if (layer->type == &layer_type_verity)
		return layer_device(layer, "hash") &&
		       (!layer_device(layer, "fec") || verity_fec_role(layer) != 0);
	if (layer->type == &layer_type_integrity)
		return layer_device(layer, "meta");
	return false;
}

static int check_layers(const struct recipe *recipe, struct diag *diag)
{
	for (size_t i = 0; i < recipe->n_layers; i++)
		if (!keeps_data(recipe->layers[i]))
			return diag_set(diag, -EINVAL,
				"--data-in-place: layer %s (%s) does not leave the data as they are",
				recipe->layers[i]->name, recipe->layers[i]->type->name);
	return 0;
}

/* A manifest names files beside it. */
static int check_folder(const char *input, const char *output, struct diag *diag)
{
	const char *slash = strrchr(input, '/');
	_cleanup_free_ char *folder =
		slash ? strndup(input, MAX((size_t)(slash - input), (size_t)1)) : strdup(".");
	struct stat file, in, out;

	if (!folder)
		return -ENOMEM;
	if (lstat(input, &file) < 0 || stat(folder, &in) < 0)
		return diag_set(diag, -errno, "%s: %s", input, strerror(errno));
	if (!S_ISREG(file.st_mode))
		return diag_set(diag, -EINVAL, "--data-in-place: %s is not a regular file", input);
	if (stat(output, &out) < 0 || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
		return diag_set(diag, -EXDEV,
			"--data-in-place: %s has to be in the folder of --output, since a manifest "
			"names files that are beside it",
			input);
	return 0;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Against the artifacts from first on. */
static int check_name(const struct layout *layout, size_t first, const char *name,
	const char *option, struct diag *diag)
{
	for (size_t i = first; i < layout->n_artifacts; i++)
		if (streq(layout->artifacts[i].file, name))
			return diag_set(diag, -EEXIST, "%s: the input has the name of the image %s",
				option, name);
	return 0;
}

int in_place_prepare(struct layout *layout, const struct recipe *recipe,
	const struct in_place_args *args, struct diag *diag)
{
	struct artifact *data = &layout->artifacts[0];
	char *name;
	int r;

	r = check_layers(recipe, diag);
	if (r >= 0 && args->output)
		r = check_folder(args->input, args->output, diag);
	if (r < 0)
		return r;
	if (data->bytes != args->input_bytes)
		return diag_set(diag, -EINVAL,
			"--data-in-place: %s has %ju bytes, but the data image must have %ju "
			"(truncate --size=%ju makes it so long)",
			args->input, (uintmax_t)args->input_bytes, (uintmax_t)data->bytes,
			(uintmax_t)data->bytes);
	name = strdup(file_name(args->input));
	if (!name)
		return -ENOMEM;
	free(data->file);
	data->file = name;
	data->in_place = true;
	return check_name(layout, 1, name, "--data-in-place", diag);
}

static bool keeps_place(const struct layer *layer)
{
	const bool luks = layer->type == &layer_type_luks;

	if (!luks && layer->type != &layer_type_crypt)
		return keeps_data(layer);
	return crypt_fields(layer)->offset == 0 && !crypt_fields(layer)->integrity &&
	       (!luks || layer_device(layer, "header"));
}

/* Another name of it would have the changed data as well. */
static int check_consumed(const char *input, struct diag *diag)
{
	struct stat st;

	if (lstat(input, &st) < 0)
		return diag_set(diag, -errno, "%s: %s", input, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_set(diag, -EINVAL, "--consume-input: %s is not a regular file", input);
	if (st.st_nlink != 1)
		return diag_set(diag, -EINVAL, "--consume-input: %s has %ju names", input,
			(uintmax_t)st.st_nlink);
	return 0;
}

int in_place_consume(struct layout *layout, const struct recipe *recipe,
	const struct in_place_args *args, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < recipe->n_layers; i++)
		if (!keeps_place(recipe->layers[i]))
			return diag_set(diag, -EINVAL,
				"--consume-input: layer %s (%s) does not leave every block in its "
				"place",
				recipe->layers[i]->name, recipe->layers[i]->type->name);
	layout->artifacts[0].consumed = true;
	r = check_name(layout, 0, file_name(args->input), "--consume-input", diag);
	return r < 0 ? r : check_consumed(args->input, diag);
}

bool in_place_has_tree(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->n_layers; i++)
		if (recipe->layers[i]->type == &layer_type_verity)
			return true;
	return false;
}
