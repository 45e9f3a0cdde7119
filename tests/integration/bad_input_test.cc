// Bad input over the real calls: a clear error that names the thing, and nothing changes.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/status/status_matchers.h"
#include "tests/harness/call.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/require.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BadInputTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    h = new Hierarchy({.sites = {"CEN", "BOS<CEN", "LAB<BOS"}});
    h->site("LAB").AddDistributionServer("DS1");
    h->site("LAB").AddLogonServer("LS1");
    workstation = h->site("LAB").AddWorkstations(1, "SALES").front();
    h->AwaitRegistrations();
    h->MakeAndImport("tools");
  }
  static void TearDownTestSuite() {
    delete h;
    h = nullptr;
  }
  void TearDown() override { h->PrintLogsIfFailed(); }

  // Calls what must be refused, and looks that no table of any site has more or fewer rows.
  static void ExpectRefused(const std::function<absl::Status()>& call, absl::StatusCode code,
                            const testing::Matcher<std::string>& text) {
    std::map<std::string, std::map<std::string, std::int64_t>> before;
    for (const auto& site : h->sites()) {
      before[site->code()] = site->RowCounts();
    }
    const absl::Status status = call();
    EXPECT_THAT(status, StatusIs(code));
    EXPECT_THAT(std::string(status.message()), text);
    for (const auto& site : h->sites()) {
      EXPECT_EQ(site->RowCounts(), before[site->code()]) << site->code();
    }
  }

  static void ExpectOrderRefused(const Order& order, absl::StatusCode code,
                                 const std::string& named) {
    SCOPED_TRACE(order.spec().ShortDebugString());
    ExpectRefused([&] { return h->root().TrySubmit(order, "refused").status(); }, code,
                  HasSubstr(named));
  }

  static absl::Status PutSite(const std::string& at, const std::string& code,
                              const std::string& parent) {
    site::v1::PutSiteRequest request;
    request.mutable_site()->set_site_code(code);
    request.mutable_site()->set_parent_site_code(parent);
    return TryCall<site::v1::PutSiteResponse>([&](auto* context, auto* response) {
             return h->site(at).sites()->PutSite(context, request, response);
           })
        .status();
  }

  static Hierarchy* h;
  static std::string workstation;
};

Hierarchy* BadInputTest::h = nullptr;
std::string BadInputTest::workstation;

TEST_F(BadInputTest, AnOrderThatNamesWhatIsNotThereIsRefusedByItsName) {
  using absl::StatusCode;
  ExpectOrderRefused(RunCommand("CEN99999").On("*|*|*"), StatusCode::kNotFound, "CEN99999");
  ExpectOrderRefused(RunCommand("tools", "reboot").On("*|*|*"), StatusCode::kNotFound, "reboot");
  ExpectOrderRefused(RunCommand("tools").OnWorkstations({workstation, "LAB77777"}),
                     StatusCode::kNotFound, "LAB77777");
  ExpectOrderRefused(RunCommand("tools").On("XYZ|*|*"), StatusCode::kNotFound, "XYZ");
  ExpectOrderRefused(Share("tools").AtSites({"LAB", "XYZ"}), StatusCode::kNotFound, "XYZ");
  Order grouped = RunCommand("tools");
  grouped.spec().mutable_target()->set_machine_group("nobody");
  ExpectOrderRefused(grouped, StatusCode::kNotFound, "nobody");
  Order placed = Share("tools").AtSites({"LAB"});
  placed.spec().mutable_distribute_phase()->set_server_group("no such servers");
  ExpectOrderRefused(placed, StatusCode::kNotFound, "no such servers");
  Order versioned = RunCommand("tools").On("*|*|*");
  versioned.spec().set_version(std::string(64, 'a'));
  ExpectOrderRefused(versioned, StatusCode::kNotFound, "aaaaaaaaaaaaaaaa");
}

TEST_F(BadInputTest, AnOrderThatWouldDoNothingIsRefused) {
  Order nothing = Share("tools").AtSites({"LAB"}).Send(job::v1::SEND_PHASE_OFF);
  nothing.spec().clear_distribute_phase();
  ExpectOrderRefused(nothing, absl::StatusCode::kFailedPrecondition, "would do nothing");
  ExpectOrderRefused(RunCommand("tools"), absl::StatusCode::kInvalidArgument, "spec.target");
  Order untyped = RunCommand("tools").On("*|*|*");
  untyped.spec().set_type(job::v1::JOB_TYPE_UNSPECIFIED);
  ExpectOrderRefused(untyped, absl::StatusCode::kInvalidArgument, "spec.type");
  ExpectOrderRefused(RunCommand("tools").On("no path"), absl::StatusCode::kInvalidArgument,
                     "spec.target.machine_path");
}

TEST_F(BadInputTest, ARepeatedRequestReturnsTheFirstJobAndMakesNoOther) {
  const Order order = Share("tools").AtSites({"LAB"});
  const auto first = h->root().TrySubmit(order, "once");
  ASSERT_THAT(first, IsOk());
  ASSERT_TRUE(h->Ends(first->job_id(), job::v1::JOB_STATE_COMPLETE));
  const auto before = h->root().RowCounts();
  const auto again = h->root().TrySubmit(order, "once");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->job_id(), first->job_id());
  EXPECT_EQ(again->state(), job::v1::JOB_STATE_COMPLETE);
  EXPECT_EQ(h->root().RowCounts(), before);
}

TEST_F(BadInputTest, ASiteGetsNeitherACircleNorASecondParent) {
  const auto refused = [](const std::string& at, const std::string& code,
                          const std::string& parent) {
    SCOPED_TRACE(absl::StrCat(code, " beneath ", parent, " at ", at));
    ExpectRefused([&] { return PutSite(at, code, parent); }, absl::StatusCode::kFailedPrecondition,
                  HasSubstr(code));
  };
  refused("LAB", "CEN", "LAB");  // Above both.
  refused("LAB", "BOS", "LAB");
  refused("CEN", "CEN", "CEN");
  refused("CEN", "LAB", "CEN");  // Is beneath BOS.
  refused("CEN", "NEW", "BOS");  // Is BOS's to register.
}

TEST_F(BadInputTest, AnUnsafeSourceIsRefusedWithEveryPath) {
  MakeSource(h->root().SourceOf("unsafe"));
  const std::string source = h->root().SourceOf("unsafe");
  ASSERT_EQ(mkfifo((source + "/lib/pipe").c_str(), 0600), 0);
  ASSERT_EQ(symlink("/etc/passwd", (source + "/absolute").c_str()), 0);
  ASSERT_EQ(symlink("../../outside", (source + "/share/leaves").c_str()), 0);
  EXPECT_THROW(
      {
        try {
          h->Import("unsafe");
        } catch (const VerbFailed& failed) {
          EXPECT_THAT(failed.what(), AllOf(HasSubstr("FAILED_PRECONDITION"), HasSubstr("lib/pipe"),
                                           HasSubstr("absolute"), HasSubstr("share/leaves")));
          throw;
        }
      },
      VerbFailed);
  EXPECT_EQ(h->root().database().QueryText("SELECT count(*) FROM waybill.package_version"), "1");
  EXPECT_EQ(h->root().database().QueryText("SELECT count(*) FROM waybill.pin"), "0");
}

}  // namespace
}  // namespace waybill::harness
