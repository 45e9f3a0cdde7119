#ifndef WAYBILL_TESTS_HARNESS_EVENTUALLY_H_
#define WAYBILL_TESTS_HARNESS_EVENTUALLY_H_

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::harness {

/// Says whether what is waited for has come; a failure says what is there instead.
using Condition = std::function<testing::AssertionResult()>;

/// Asks `condition` about 50 times a second until it holds, at most for `limit`; then fails with
/// its last failure. The machine may be slow, so limits are generous: they are only reached when
/// something is wrong. Use as EXPECT_TRUE(Eventually(...)).
testing::AssertionResult Eventually(absl::Duration limit, const Condition& condition);

/// The same for verbs: throws VerbFailed, beginning with `what`.
void Await(absl::string_view what, absl::Duration limit, const Condition& condition);

/// A failure unless `condition` holds during all of `span`, which passes in full. For what must
/// not happen.
testing::AssertionResult Throughout(absl::Duration span, const Condition& condition);

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_EVENTUALLY_H_
