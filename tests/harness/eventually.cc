#include "tests/harness/eventually.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/thread/mutex.h"
#include "tests/harness/require.h"

namespace waybill::harness {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(20);

// What is waited for happens in other processes, so there is nothing that could wake us.
void WaitBetweenLooks() {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  never.WaitFor(mutex, kBetweenLooks);
}

absl::Duration Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

testing::AssertionResult Eventually(absl::Duration limit, const Condition& condition) {
  const absl::Duration end = Monotonic() + limit;
  while (true) {
    testing::AssertionResult result = condition();
    if (result) {
      return result;
    }
    if (Monotonic() >= end) {
      return testing::AssertionFailure()
             << "after " << absl::FormatDuration(limit) << ": " << result.message();
    }
    WaitBetweenLooks();
  }
}

void Await(absl::string_view what, absl::Duration limit, const Condition& condition) {
  const testing::AssertionResult result = Eventually(limit, condition);
  if (!result) {
    Fail(absl::StrCat(what, ": ", result.message()));
  }
}

testing::AssertionResult Throughout(absl::Duration span, const Condition& condition) {
  const absl::Duration end = Monotonic() + span;
  while (true) {
    testing::AssertionResult result = condition();
    if (!result || Monotonic() >= end) {
      return result;
    }
    WaitBetweenLooks();
  }
}

}  // namespace waybill::harness
