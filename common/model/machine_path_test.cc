#include "common/model/machine_path.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

TEST(MachinePath, ReadsNamesAndStars) {
  EXPECT_EQ(*ParseMachinePath("path", "NYC|SALES|*"), (MachinePath{"NYC", "SALES", std::nullopt}));
  EXPECT_EQ(*ParseMachinePath("path", "*|*|*"), MachinePath{});
}

TEST(MachinePath, RefusesEverythingElse) {
  for (const char* bad : {"", "NYC", "NYC|*", "NYC|*|*|*", "nyc|*|*", "NYC||*", "NYC|*|ws*",
                          "NYC|a b|*", "NYC|*|'; DROP TABLE job"}) {
    EXPECT_THAT(ParseMachinePath("path", bad), StatusIs(absl::StatusCode::kInvalidArgument)) << bad;
  }
}

}  // namespace
}  // namespace waybill::model
