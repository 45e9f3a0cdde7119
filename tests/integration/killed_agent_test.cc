// waybill-pcm is killed at every moment of a run: nothing runs twice, and the site knows the end.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "tests/harness/eventually.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/order.h"
#include "tests/harness/tree.h"

namespace waybill::harness {
namespace {

using job::v1::JOB_STATE_COMPLETE;
using job::v1::JOB_STATE_FAILED;
using job::v1::TARGET_STATE_SUCCEEDED;
using job::v1::TARGET_STATE_UNKNOWN;
using testing::ElementsAre;
using testing::IsEmpty;

class AgentTest : public testing::Test {
 protected:
  AgentTest() : h({.sites = {"CEN", "NYC<CEN"}}) {
    site().AddDistributionServer("DS1");
    site().AddLogonServer("LS1");
    workstation = site().AddWorkstations(1, "SALES").front();
    h.AwaitRegistrations();
  }

  Site& site() { return h.site("NYC"); }

  void SubmitAndAwaitOffer(const std::string& command, const SourceOptions& source = {}) {
    h.MakeAndImport("tools", source);
    job = h.Submit(RunCommand("tools", command).On("NYC|*|*"));
    ASSERT_TRUE(Eventually(kPatience, [this] {
      const auto targets = h.root().ListTargets(job);
      return !targets.empty() && targets[0].state() == job::v1::TARGET_STATE_OFFERED
                 ? testing::AssertionSuccess()
                 : testing::AssertionFailure() << "no offer stands at the site";
    }));
  }

  // Waits for the text in a file that another process writes.
  static testing::AssertionResult Holds(const std::string& path, const std::string& text) {
    return Eventually(kPatience, [&] {
      std::ifstream file(path);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      return absl::StrContains(bytes, text)
                 ? testing::AssertionSuccess()
                 : testing::AssertionFailure() << path << " does not hold " << text;
    });
  }

  std::string WorkstationDirectory() {
    return absl::StrCat(site().directory(), "/workstations/", workstation);
  }
  std::string RecordPath() {
    return absl::StrCat(WorkstationDirectory(), "/state/history/", job, ".run");
  }

  job::v1::JobTarget Target() { return h.root().ListTargets(job).at(0); }

  // A later poll, and another, change nothing any more.
  void ExpectFinal(job::v1::TargetState state) {
    EXPECT_EQ(Target().state(), state) << Target().ShortDebugString();
    const std::size_t starts = h.Starts().size();
    site().StopAgents();
    site().RunAgentOnce(workstation);
    site().RunAgentOnce(workstation);
    EXPECT_EQ(h.Starts().size(), starts);
    EXPECT_EQ(Target().state(), state);
  }

  Hierarchy h;
  std::string workstation;
  std::string job;
};

TEST_F(AgentTest, RunsOnceThoughItWasKilledBeforeTheStart) {
  SubmitAndAwaitOffer("record", {.random_bytes = 96 << 20});
  Agent agent = site().MakeAgent(workstation);
  agent.StartService();
  // Some 100 MB are to be fetched and checked between the two.
  ASSERT_TRUE(Holds(WorkstationDirectory() + "/state/definition.ins", job));
  agent.Kill9();
  ASSERT_THAT(h.Starts(), IsEmpty());
  site().StartAgent(workstation);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
  EXPECT_THAT(h.StartedOnes(), ElementsAre(absl::StrCat(job, " ", workstation)));
  ExpectFinal(TARGET_STATE_SUCCEEDED);
}

TEST_F(AgentTest, NeverRunsAgainWhatWasUnderWayWhenItWasKilledAndSaysSo) {
  SubmitAndAwaitOffer("gated");
  Agent agent = site().MakeAgent(workstation);
  agent.StartService();
  ASSERT_TRUE(Holds(site().starts_path(), job));
  agent.Kill9();

  // The command dies with its agent.
  pid_t command = 0;
  const std::vector<std::string> words = absl::StrSplit(h.Starts().at(0), ' ');
  ASSERT_TRUE(absl::SimpleAtoi(words.at(2), &command));
  EXPECT_TRUE(Eventually(kPatience, [&] {
    return kill(command, 0) != 0 ? testing::AssertionSuccess()
                                 : testing::AssertionFailure() << "the command still runs";
  }));

  h.OpenGate();
  site().StartAgent(workstation);
  EXPECT_TRUE(h.Ends(job, JOB_STATE_FAILED));
  EXPECT_EQ(h.Starts().size(), 1U);
  ExpectFinal(TARGET_STATE_UNKNOWN);
}

TEST_F(AgentTest, ReportsAfterItsDeathWhatEndedBefore) {
  SubmitAndAwaitOffer("gated");
  Agent agent = site().MakeAgent(workstation);
  agent.StartService();
  ASSERT_TRUE(Holds(site().starts_path(), job));
  site().pcm_link().Cut();
  h.OpenGate();
  ASSERT_TRUE(Holds(RecordPath(), "finished"));
  agent.Kill9();
  EXPECT_EQ(Target().state(), job::v1::TARGET_STATE_RUNNING);

  site().pcm_link().Heal();
  site().StartAgent(workstation);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
  EXPECT_EQ(Target().output(), absl::StrCat("greetings from ", workstation, "\n"));
  EXPECT_EQ(h.Starts().size(), 1U);
  ExpectFinal(TARGET_STATE_SUCCEEDED);
}

TEST_F(AgentTest, DoesNotRunAgainWhatItForgotBecauseTheSiteKnows) {
  SubmitAndAwaitOffer("record");
  site().StartAgent(workstation);
  ASSERT_TRUE(h.Ends(job, JOB_STATE_COMPLETE));
  site().StopAgents();
  std::filesystem::remove_all(WorkstationDirectory());
  ExpectFinal(TARGET_STATE_SUCCEEDED);
  EXPECT_EQ(h.Starts().size(), 1U);
}

}  // namespace
}  // namespace waybill::harness
