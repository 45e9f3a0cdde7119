// PostgreSQL is away at the start of a service, or goes away in the middle of a job.

#include <cstddef>
#include <cstdint>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/jobdb/test_database.h"
#include "common/status/status_matchers.h"
#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using jobdb::TestDatabase;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kPackageBytes = 32 << 20;
constexpr const char* kServices[] = {"scheduler", "sender", "despooler", "pcm-manager"};

TEST(DeadDatabaseAtStartTest, EveryServiceNamesTheDatabaseAndServesOnceItIsThere) {
  Hierarchy h({.sites = {"CEN"}});
  const std::string uri = h.root().database().uri();
  const std::string database = uri.substr(uri.rfind("dbname=") + 7);
  ASSERT_THAT(TestDatabase::Server().Stop(), IsOk());
  for (const char* name : kServices) {
    SCOPED_TRACE(name);
    Service& service = h.root().service(name);
    service.Kill9();
    const std::size_t said_before = service.process().Log().size();
    service.Launch();
    EXPECT_TRUE(Eventually(kPatience, [&] {
      const std::string said = service.process().Log().substr(said_before);
      return absl::StrContains(said, "waiting") && absl::StrContains(said, database)
                 ? testing::AssertionSuccess()
                 : testing::AssertionFailure() << "it says: " << said;
    }));
    EXPECT_TRUE(service.process().IsRunning());
  }
  ASSERT_THAT(TestDatabase::Server().Start(), IsOk());
  for (const char* name : kServices) {
    h.root().service(name).AwaitServing();
  }
}

TEST(DeadDatabaseAtStartTest, ASchedulerThatMayNotWaitLongerEndsAndSaysWhy) {
  Hierarchy h(
      {.sites = {"CEN"}, .flags = {{"CEN", {.scheduler = {"--database-wait-max", "500ms"}}}}});
  ASSERT_THAT(TestDatabase::Server().Stop(), IsOk());
  Service& scheduler = h.root().scheduler();
  scheduler.Kill9();
  scheduler.Launch();
  EXPECT_EQ(scheduler.process().AwaitExit(kPatience), 1);
  EXPECT_THAT(scheduler.process().LogTail(1), HasSubstr("UNAVAILABLE"));
  ASSERT_THAT(TestDatabase::Server().Start(), IsOk());
}

class DeadDatabaseTest : public testing::Test {
 protected:
  DeadDatabaseTest() : h({.sites = {"CEN", "NYC<CEN"}}) {
    h.site("NYC").AddDistributionServer("DS1");
    h.site("NYC").AddLogonServer("LS1");
    workstation = h.site("NYC").AddWorkstations(1, "SALES").front();
    h.AwaitRegistrations();
    h.MakeAndImport("tools", {.random_bytes = kPackageBytes});
    wire().Slow(kPackageBytes / 2);
    job = h.Submit(RunCommand("tools").On("NYC|*|*"));
    h.site("NYC").StartAgent(workstation);
  }

  Link& wire() { return h.link("CEN", "NYC").transfer(); }

  void AwaitHalf() {
    ASSERT_TRUE(Eventually(kPatience, [this] {
      return wire().bytes_down() > kPackageBytes / 2
                 ? testing::AssertionSuccess()
                 : testing::AssertionFailure() << wire().bytes_down() << " bytes went down";
    }));
  }

  testing::AssertionResult AllServicesRun() {
    for (const auto& site : h.sites()) {
      for (const char* name : kServices) {
        if (!site->service(name).process().IsRunning()) {
          return testing::AssertionFailure() << site->code() << " " << name << " has ended";
        }
      }
    }
    return testing::AssertionSuccess();
  }

  void ExpectComplete() {
    ASSERT_TRUE(h.Ends(job, job::v1::JOB_STATE_COMPLETE));
    EXPECT_TREE_EQ(h.root().SourceOf("tools"), h.site("NYC").CurrentTree("DS1", "tools"));
    EXPECT_THAT(h.StartedOnes(), ElementsAre(absl::StrCat(job, " ", workstation)));
    EXPECT_TRUE(AllServicesRun());
  }

  Hierarchy h;
  std::string workstation;
  std::string job;
};

TEST_F(DeadDatabaseTest, AJobGoesOnAfterPostgreSqlWasStoppedForAWhile) {
  AwaitHalf();
  ASSERT_THAT(TestDatabase::Server().Stop(), IsOk());
  EXPECT_TRUE(Throughout(absl::Seconds(2), [this] { return AllServicesRun(); }));
  ASSERT_THAT(TestDatabase::Server().Start(), IsOk());
  ExpectComplete();
}

TEST_F(DeadDatabaseTest, AJobGoesOnAfterPostgreSqlWasKilled) {
  AwaitHalf();
  ASSERT_THAT(TestDatabase::Server().Kill(), IsOk());
  ASSERT_THAT(TestDatabase::Server().Start(), IsOk());
  ExpectComplete();
}

}  // namespace
}  // namespace waybill::harness
