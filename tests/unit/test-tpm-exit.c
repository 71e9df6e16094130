/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a step and a response code to the state, with codes that TPMs were seen to give.
 */

#include "test.h"

#include <string.h>

#include "cleanup.h"
#include "tpm-exit.h"

static const struct {
	enum tpm_step step;
	uint32_t rc;
	enum tpm_state state;
} cases[] = {
	{ TPM_STEP_OPEN, 0xa000a, TPM_STATE_NO_TPM },
	{ TPM_STEP_OPEN, 0xa0015, TPM_STATE_NO_TPM },
	{ TPM_STEP_NV_READ, 0x7001b, TPM_STATE_COMM },
	{ TPM_STEP_UNSEAL, 0x7001b, TPM_STATE_COMM },
	{ TPM_STEP_SESSION, 0x100, TPM_STATE_COMM },
	{ TPM_STEP_LOAD, 0x101, TPM_STATE_COMM },
	{ TPM_STEP_NV_READ, 0xa000a, TPM_STATE_COMM },
	{ TPM_STEP_UNSEAL, 0x921, TPM_STATE_LOCKOUT },
	{ TPM_STEP_UNSEAL, 0x98e, TPM_STATE_BAD_PIN },
	{ TPM_STEP_UNSEAL, 0x9a2, TPM_STATE_BAD_PIN },
	{ TPM_STEP_POLICY_PCR, 0x1c4, TPM_STATE_PCR_MISMATCH },
	{ TPM_STEP_POLICY_NV, 0x128, TPM_STATE_PCR_MISMATCH },
	{ TPM_STEP_POLICY_PCR, 0x2c3, TPM_STATE_PCR_MISMATCH },
	{ TPM_STEP_POLICY_NV, 0x126, TPM_STATE_ROLLBACK },
	{ TPM_STEP_NV_PUBLIC, 0x18b, TPM_STATE_NV_LOST },
	{ TPM_STEP_NV_READ, 0x14a, TPM_STATE_NV_LOST },
	{ TPM_STEP_LOAD, 0x1df, TPM_STATE_OTHER_TPM },
	{ TPM_STEP_POLICY_NV, 0x148, TPM_STATE_CAPPED },
	{ TPM_STEP_NV_INCREMENT, 0x148, TPM_STATE_CAPPED },
	{ TPM_STEP_VERIFY, 0x2db, TPM_STATE_NO_SIGNATURE },
	{ TPM_STEP_POLICY_AUTHORIZE, 0x4c4, TPM_STATE_NO_SIGNATURE },
	{ TPM_STEP_POLICY_AUTHORIZE, 0x1c4, TPM_STATE_NO_SIGNATURE },
	{ TPM_STEP_CREATE_PRIMARY, 0x185, TPM_STATE_HIERARCHY },
	{ TPM_STEP_UNSEAL, 0x99d, TPM_STATE_POLICY },
	/* Nothing that is known, in the policy's course and outside. */
	{ TPM_STEP_UNSEAL, 0x902, TPM_STATE_COMM },
	{ TPM_STEP_LOAD, 0x1d5, TPM_STATE_POLICY },
	{ TPM_STEP_NV_DEFINE, 0x902, TPM_STATE_COMM },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(tpm_exit_state(cases[i].step, cases[i].rc), cases[i].state);
}

/* Each state has a name and says what to do; the step and the code are told. */
static void test_sentences(void **state)
{
	for (int i = TPM_STATE_NO_TPM; i < _TPM_STATE_MAX; i++) {
		_cleanup_(diag_done) struct diag diag = {};

		assert_int_equal(tpm_state_set((enum tpm_state)i, NULL, &diag), i);
		assert_ptr_equal(strstr(diag.what, tpm_state_name((enum tpm_state)i)), diag.what);
		assert_true(strlen(diag.what) > 20);
		for (int j = TPM_STATE_NO_TPM; j < i; j++)
			assert_string_not_equal(tpm_state_name((enum tpm_state)i),
				tpm_state_name((enum tpm_state)j));
	}

	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(tpm_fail(TPM_STEP_POLICY_NV, 0x126, &diag), TPM_STATE_ROLLBACK);
	assert_non_null(strstr(diag.what, "TPM2_PolicyNV"));
	assert_non_null(strstr(diag.what, "0x126"));
}

static void test_errors(void **state)
{
	assert_true(tpm_rc_is(0x18b, TPM_ERROR_HANDLE));
	assert_true(tpm_rc_is(0x28b, TPM_ERROR_HANDLE));
	assert_false(tpm_rc_is(0x7008b, TPM_ERROR_HANDLE));
	assert_false(tpm_rc_is(0, TPM_ERROR_HANDLE));
	assert_true(tpm_rc_is(0x128, TPM_ERROR_PCR_CHANGED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
