#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

#include "common/rpc/access.h"
#include "common/rpc/identity.h"
#include "common/status/status_matchers.h"

namespace waybill::rpc {
namespace {

const Identity kAlice{Role::kAdmin, "", "alice"};
const Identity kSender{Role::kService, "NYC", "sender"};
const Identity kScheduler{Role::kService, "NYC", "scheduler"};
const Identity kWorkstation{Role::kWorkstation, "NYC", "NYC00001"};

TEST(AccessTable, AllowsExactlyWhatIsListed) {
  const AccessTable table({{"/s/Any", {{Role::kAdmin}, {Role::kService}}},
                           {"/s/SenderOnly", {{Role::kService, "sender"}}}});
  const auto denied = StatusIs(absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(table.Check(kAlice, "/s/Any"), IsOk());
  EXPECT_THAT(table.Check(kSender, "/s/Any"), IsOk());
  EXPECT_THAT(table.Check(kWorkstation, "/s/Any"), denied);
  EXPECT_THAT(table.Check(kSender, "/s/SenderOnly"), IsOk());
  EXPECT_THAT(table.Check(kScheduler, "/s/SenderOnly"), denied);
  EXPECT_THAT(table.Check(kAlice, "/s/SenderOnly"), denied);
  EXPECT_THAT(table.Check(kAlice, "/s/Unlisted"), denied);
  EXPECT_THAT(table.Check(kAlice, "/s/Any/"), denied);
  EXPECT_THAT(table.Check(kAlice, ""), denied);
}

TEST(AccessTable, NeverAllowsACallerWithoutARole) {
  const AccessTable table({{"/s/Any", {{Role::kNone}}}});
  EXPECT_THAT(table.Check({}, "/s/Any"), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(AccessTable, NamesRoleAndMethodOfARefusal) {
  const std::string text(AccessTable({}).Check(kWorkstation, "/s/Put").message());
  EXPECT_THAT(text, ::testing::HasSubstr("workstation 'NYC00001'"));
  EXPECT_THAT(text, ::testing::HasSubstr("/s/Put"));
}

}  // namespace
}  // namespace waybill::rpc
