/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units may have been skipped, and a generator may have died without anyone noticing; so this goes
 * by the configuration and by what is there, not by what units say.
 */

#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device-users.h"
#include "dm.h"
#include "fd.h"
#include "guard.h"
#include "run.h"

#define STATE_SIZE_MAX ((size_t)1 << 20)

bool gate_wants(const struct layer *layer)
{
	return layer->common.phase != PHASE_BOOTSTRAP && layer->common.initrd;
}

/* The rest of the line behind "WORD NAME ", or NULL. */
static const char *state_line(const char *state, const char *word, const char *name)
{
	const size_t n = strlen(word), m = strlen(name);

	for (const char *line = state; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, word, n) == 0 && line[n] == ' ' &&
			strncmp(line + n + 1, name, m) == 0 && line[n + 1 + m] == ' ')
			return line + n + m + 2;
	}
	return NULL;
}

static bool phase_is_sealed(const char *text)
{
	return text && startswith(text, "sealed") && strchr(" \n", text[strlen("sealed")]);
}

int gate_check_state(const struct stack *stack, const char *state, struct diag *diag)
{
	for (const char *line = state; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *name = startswith(line, "failed ");
		const char *phase = name ? strpbrk(name, " \n") : NULL;

		if (phase && *phase == ' ' && phase_is_sealed(phase + 1))
			return diag_set(diag, -EBADMSG, "the generator failed: %.*s",
				(int)strcspn(name, "\n"), name);
	}
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		if (layer->n_users > 0 || !gate_wants(layer))
			continue;
		if (!phase_is_sealed(state_line(state, "ok", layer->name)))
			return diag_set(diag, -ENOENT, "the generator made no units for \"%s\"",
				layer->name);
	}
	return 0;
}

static int check_layers(const struct stack *stack, struct diag *diag)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		struct layer *layer = stack->layers[i];
		int r;

		if (!gate_wants(layer))
			continue;
		r = run_compare(layer, diag);
		if (r < 0)
			return diag_at(diag, r, "%s", layer->name);
	}
	return 0;
}

static bool layer_is_mounted(const struct layer *layer, const char *where)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};

	return mapping_info_get(layer->name, &info, NULL) >= 0 && info.live &&
	       device_is_mounted_at(info.device, where);
}

/* What the hints say; without one for root or /usr, any sealed layer may be the root. */
static int check_mounts(const struct stack *stack, struct diag *diag)
{
	bool hinted = false, mounted = false;

	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];
		const char *where = layer->mount ? layer->mount->where : NULL;
		const bool root = where && streq(where, "/"), usr = where && streq(where, "/usr");

		if (!gate_wants(layer))
			continue;
		if (!root && !usr) {
			mounted |= layer_is_mounted(layer, "/sysroot");
			continue;
		}
		hinted = true;
		where = root ? "/sysroot" : "/sysroot/usr";
		if (!layer_is_mounted(layer, where))
			return diag_set(
				diag, -ENOENT, "%s is not mounted from \"%s\"", where, layer->name);
	}
	if (!hinted && !mounted)
		return diag_set(diag, -ENOENT, "/sysroot is not mounted from a sealed layer");
	return 0;
}

static bool any_wanted(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		if (gate_wants(stack->layers[i]))
			return true;
	return false;
}

int gate_check(const struct stack *stack, struct diag *diag)
{
	_cleanup_free_ char *state = NULL;
	int r = guard_machine(diag);

	if (r < 0 || !any_wanted(stack))
		return r;
	r = file_read(AT_FDCWD, GATE_STATE_PATH, STATE_SIZE_MAX, &state, NULL);
	if (r < 0)
		return diag_set(diag, r, "the generator left nothing: %s: %s", GATE_STATE_PATH,
			strerror(-r));
	r = gate_check_state(stack, state, diag);
	if (r >= 0)
		r = check_layers(stack, diag);
	return r < 0 ? r : check_mounts(stack, diag);
}
