#include "common/service/service.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/test_database.h"
#include "common/rpc/identity.h"
#include "common/status/status_matchers.h"
#include "common/thread/stop_signals.h"

namespace waybill::service {
namespace {

using testing::HasSubstr;

TEST(Service, OpensAJobDatabaseThatIsThere) {
  const StopSignals signals;
  const jobdb::TestDatabase server;
  EXPECT_THAT(OpenJobDatabase({.uri = server.uri()}, {}, absl::Seconds(10), signals), IsOk());
}

TEST(Service, NamesTheJobDatabaseThatDoesNotAnswer) {
  const StopSignals signals;
  const auto database =
      OpenJobDatabase({.uri = "host=/nowhere dbname=bos"}, {}, absl::Milliseconds(1), signals);
  EXPECT_THAT(database, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(database.status().message(), HasSubstr("bos"));
}

TEST(Service, StopsToWaitWhenToldTo) {
  const StopSignals signals;
  raise(SIGTERM);
  EXPECT_THAT(OpenJobDatabase({.uri = "host=/nowhere dbname=bos"}, {}, absl::Minutes(5), signals),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST(Service, RefusesTheCertificateOfAnother) {
  const rpc::Identity sender = {rpc::Role::kService, "NYC", "sender"};
  EXPECT_THAT(CheckIdentity(sender, "NYC", "sender"), IsOk());
  for (const rpc::Identity& other : {rpc::Identity{rpc::Role::kService, "BOS", "sender"},
                                     rpc::Identity{rpc::Role::kService, "NYC", "despooler"},
                                     rpc::Identity{rpc::Role::kWorkstation, "NYC", "sender"}}) {
    const absl::Status refused = CheckIdentity(other, "NYC", "sender");
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(std::string(refused.message()), HasSubstr(rpc::ToUri(other)));
  }
}

TEST(Service, RefusesTheJobDatabaseOfAnotherSite) {
  EXPECT_THAT(CheckSiteCode(std::string("NYC"), "NYC"), IsOk());
  EXPECT_THAT(CheckSiteCode(absl::NotFoundError("not named yet"), "NYC"), IsOk());
  EXPECT_THAT(CheckSiteCode(std::string("BOS"), "NYC"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(Service, TakesAStopForASuccess) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(absl::CancelledError("told to stop")), 0);
  EXPECT_EQ(ExitCode(absl::UnavailableError("no job database")), 1);
}

}  // namespace
}  // namespace waybill::service
