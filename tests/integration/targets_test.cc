// Who a job is for, and how its package is sent: what of an order is not said by a machine path and
// the default.

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/harness/call.h"
#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_COMPLETE;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

class TargetsTest : public testing::Test {
 protected:
  TargetsTest() : h({.sites = {"CEN", "NYC<CEN", "BOS<CEN"}}) {
    for (const char* code : {"NYC", "BOS"}) {
      Site& site = h.site(code);
      site.AddDistributionServer("DS1");
      site.AddLogonServer("LS1");
      for (const std::string& sms_id : site.AddWorkstations(2, "SALES")) {
        workstations.push_back(sms_id);
        site.StartAgent(sms_id);
      }
    }
    h.AwaitRegistrations();
    h.MakeAndImport("tools");
  }

  void PutGroup(const std::string& name, const std::vector<std::string>& sms_ids) {
    site::v1::PutGroupRequest request;
    request.mutable_group()->set_group_name(name);
    request.mutable_group()->set_kind(site::v1::GROUP_KIND_WORKSTATIONS);
    request.mutable_group()->mutable_members()->Assign(sms_ids.begin(), sms_ids.end());
    MustCall<site::v1::PutGroupResponse>("PutGroup", [&](auto* context, auto* response) {
      return h.root().sites()->PutGroup(context, request, response);
    });
  }

  Hierarchy h;
  std::vector<std::string> workstations;  // Two at NYC, two at BOS.
};

TEST_F(TargetsTest, AnExplicitListReachesItsWorkstationsAndNoOther) {
  const std::string job = h.Submit(RunCommand("tools").OnWorkstations({workstations[1]}));
  ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
  EXPECT_THAT(h.StartedOnes(), ElementsAre(absl::StrCat(job, " ", workstations[1])));
  EXPECT_EQ(h.link("CEN", "BOS").transfer().bytes_down(), 0);
}

TEST_F(TargetsTest, AGroupIsFrozenWhenItsJobIsActivated) {
  PutGroup("pilot", {workstations[0], workstations[2]});
  Order order = RunCommand("tools");
  order.spec().mutable_target()->set_machine_group("pilot");
  const std::string job = h.Submit(order);
  ASSERT_TRUE(Eventually(kPatience, [&] {
    return h.root().GetJob(job).has_activate_time() ? testing::AssertionSuccess()
                                                    : testing::AssertionFailure() << "not active";
  }));
  PutGroup("pilot", workstations);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
  EXPECT_THAT(h.StartedOnes(), UnorderedElementsAre(absl::StrCat(job, " ", workstations[0]),
                                                    absl::StrCat(job, " ", workstations[2])));
}

TEST_F(TargetsTest, EvenIfSentTakesTheSourceAsItIsNow) {
  const std::string first = h.Submit(Share("tools").AtSites({"NYC"}));
  ASSERT_TRUE(h.Ends(first, JOB_STATE_COMPLETE));
  ChangeALittle(h.root().SourceOf("tools"));

  const std::string same = h.Submit(Share("tools").AtSites({"NYC"}));
  ASSERT_TRUE(h.Ends(same, JOB_STATE_COMPLETE));
  EXPECT_EQ(h.root().GetJob(same).spec().version(), h.root().GetJob(first).spec().version());

  const std::string fresh =
      h.Submit(Share("tools").AtSites({"NYC"}).Send(job::v1::SEND_PHASE_EVEN_IF_SENT));
  ASSERT_TRUE(h.Ends(fresh, JOB_STATE_COMPLETE));
  EXPECT_NE(h.root().GetJob(fresh).spec().version(), h.root().GetJob(first).spec().version());
  EXPECT_TREE_EQ(h.root().SourceOf("tools"), h.site("NYC").CurrentTree("DS1", "tools"));
}

TEST_F(TargetsTest, WithoutASendPhaseAHeldPackageIsOfferedAndNothingTravels) {
  const std::string sent = h.Submit(Share("tools").AtSites({"NYC"}));
  ASSERT_TRUE(h.Ends(sent, JOB_STATE_COMPLETE));
  const std::string run = h.Submit(RunCommand("tools").On("NYC|*|*").Send(job::v1::SEND_PHASE_OFF));
  ASSERT_TRUE(h.Ends(run, JOB_STATE_COMPLETE));
  EXPECT_THAT(h.Starts(), testing::SizeIs(2));
  const job::v1::Job ended = h.root().GetJob(run);
  for (const job::v1::JobSite& site : ended.sites()) {
    EXPECT_EQ(site.bytes_sent(), 0) << site.ShortDebugString();
  }
}

}  // namespace
}  // namespace waybill::harness
