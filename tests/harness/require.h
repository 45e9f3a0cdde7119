#ifndef WAYBILL_TESTS_HARNESS_REQUIRE_H_
#define WAYBILL_TESTS_HARNESS_REQUIRE_H_

#include <stdexcept>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace waybill::harness {

/// A verb could not do what it says. GoogleTest reports it as the failure of the test, and
/// destructors take everything down on the way.
class VerbFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void Fail(absl::string_view what) {
  throw VerbFailed(std::string(what));
}

/// Throws VerbFailed with `what` and the error unless OK; returns the value, if there is one.
inline void Require(const absl::Status& status, absl::string_view what) {
  if (!status.ok()) {
    Fail(absl::StrCat(what, ": ", status.ToString()));
  }
}

template <typename T>
T Require(absl::StatusOr<T> result, absl::string_view what) {
  Require(result.status(), what);
  return *std::move(result);
}

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_REQUIRE_H_
