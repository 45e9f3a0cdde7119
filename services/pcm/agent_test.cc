#include "services/pcm/agent.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/status/status_matchers.h"
#include "common/tree/directory.h"
#include "services/pcm/history.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"
#include "services/pcm/test_workstations.h"

namespace waybill::pcm {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kJob[] = "CEN00042";
constexpr char kHost[] = "NYC00017";

// The machine's clocks, which a test may put forward.
class SteppedClock final : public clock::Clock {
 public:
  absl::Time Now() const override { return real_.Now() + step_; }
  absl::Duration Monotonic() const override { return real_.Monotonic() + step_; }
  void Advance(absl::Duration step) { step_ += step; }

 private:
  const clock::RealClock real_;
  absl::Duration step_;
};

class AgentTest : public testing::Test {
 protected:
  using Fault = std::function<absl::Status(absl::string_view)>;

  AgentTest() {
    world_.site().AddWorkstation(kHost);
    options_.sms_id = kHost;
    options_.fetch_wait_max = absl::Milliseconds(20);
    options_.fetch_retry = {.base = absl::Milliseconds(1), .max = absl::Milliseconds(1)};
    options_.drain_max = absl::Milliseconds(1);
    Restart();
  }

  // As if the process had died and was started anew.
  void Restart(Fault fault = nullptr) {
    agent_.reset();
    AgentOptions options = options_;
    agent_ = Agent::Open(State(),
                         {.site = *client_,
                          .cache = *cache_,
                          .clock = clock_,
                          .random = [] { return 0.5; },
                          .fault = std::move(fault)},
                         std::move(options))
                 .value();
  }

  // Dies once `step` is done.
  static Fault DieAt(absl::string_view step) {
    return [step = std::string(step)](absl::string_view done) {
      return done == step ? absl::AbortedError("killed") : absl::OkStatus();
    };
  }

  tree::Directory State() const { return world_root().MakeDirectories("state").value(); }
  const tree::Directory& world_root() const { return root_; }

  absl::Status RunDue() {
    return agent_->RunDue([this](const Agent::Ended& ended) { ended_.push_back(ended); });
  }

  std::string StateOf(const std::string& job_id) { return world_.State(job_id, kHost); }

  TestWorkstations world_;
  const tree::Directory root_ = tree::Directory::Open(world_.site().Path("")).value();
  SteppedClock clock_;
  const std::unique_ptr<rpc::TlsIdentity> tls_ =
      world_.certificates().Load(TestWorkstations::IdentityOf(kHost));
  const std::unique_ptr<SiteClient> client_ = MakeSiteClient(world_.address(), "NYC", *tls_);
  const std::unique_ptr<PackageCache> cache_ = std::make_unique<PackageCache>(
      root_.MakeDirectories("state/cache").value(), PackageCache::Options());
  AgentOptions options_;
  std::vector<Agent::Ended> ended_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, ShowsRunsAndReportsWhatItIsOffered) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  EXPECT_THAT(agent_->ListOffers(), IsEmpty());
  EXPECT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(agent_->ListOffers(), SizeIs(1));
  EXPECT_TRUE(agent_->HasWork());
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 1);
  EXPECT_EQ(StateOf(kJob), "5");
  EXPECT_EQ(world_.site().Target("output", kJob, kHost), "did it\n");
  EXPECT_EQ(world_.site().Target("exit_code", kJob, kHost), "0");
  ASSERT_THAT(ended_, SizeIs(1));
  EXPECT_EQ(ended_[0].record.step, RunStep::kReported);
  EXPECT_THAT(agent_->ListOffers(), IsEmpty());
  EXPECT_FALSE(agent_->HasWork());
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 1);
}

TEST_F(AgentTest, TellsTheSiteAtOnceThatAFileHasCome) {
  world_.AddOffer(kJob, kHost).mandatory_after.reset();
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(world_.Acknowledge(), IsOk());
  EXPECT_EQ(StateOf(kJob), "3");
}

TEST_F(AgentTest, RunsAnOptionalOfferOnlyWhenAccepted) {
  world_.AddOffer(kJob, kHost).mandatory_after.reset();
  world_.AddOffer("CEN00043", kHost).mandatory_after.reset();
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_THAT(agent_->ListOffers(), SizeIs(2));
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 0);
  options_.accepted_job_ids = {kJob};
  Restart();
  EXPECT_THAT(agent_->ListOffers(), SizeIs(2)) << "the last file is kept across a restart";
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 1);
  EXPECT_EQ(world_.CountLines("CEN00043"), 0);
  options_.accepts_all = true;
  Restart();
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines("CEN00043"), 1);
}

// Whatever step it dies at, the command runs once. Only where it dies between the record of the
// start and that of the end nobody knows what happened, and the site hears just that.
TEST_F(AgentTest, RunsACommandOnceWhereverItIsKilled) {
  struct Death {
    const char* step;
    int lines;
    const char* state;
  };
  int number = 100;
  for (const Death& death : std::vector<Death>{{"requested", 1, "5"},
                                               {"granted", 1, "5"},
                                               {"fetched", 1, "5"},
                                               {"started", 0, "12"},
                                               {"ran", 1, "12"},
                                               {"finished", 1, "5"},
                                               {"told", 1, "5"},
                                               {"reported", 1, "5"}}) {
    const std::string job_id = absl::StrCat("CEN00", ++number);
    world_.AddOffer(job_id, kHost);
    world_.Offer(kHost);
    Restart(DieAt(death.step));
    ASSERT_THAT(agent_->Poll(), IsOk());
    EXPECT_THAT(RunDue(), StatusIs(absl::StatusCode::kAborted)) << death.step;
    for (int i = 0; i < 2; ++i) {
      Restart();
      ASSERT_THAT(agent_->Poll(), IsOk());
      EXPECT_THAT(RunDue(), IsOk()) << death.step;
    }
    EXPECT_EQ(world_.CountLines(job_id), death.lines) << death.step;
    EXPECT_EQ(StateOf(job_id), death.state) << death.step;
    EXPECT_EQ(world_.site().Target("attempt_count", job_id, kHost), "1") << death.step;
  }
}

TEST_F(AgentTest, SettlesARunWhoseEndNobodySawAsInterrupted) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  Restart(DieAt("started"));
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_FALSE(RunDue().ok());
  Restart();
  EXPECT_TRUE(agent_->HasWork());
  EXPECT_THAT(agent_->Settle(), IsOk());
  EXPECT_THAT(world_.site().Target("reason", kJob, kHost), StartsWith("INTERRUPTED: "));
  EXPECT_FALSE(agent_->HasWork());
}

TEST_F(AgentTest, LosingItsHistoryRunsNothingAgain) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(RunDue(), IsOk());
  agent_.reset();
  ASSERT_THAT(root_.RemoveTree("state/history"), IsOk());
  Restart();
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 1);
  ASSERT_THAT(ended_, SizeIs(2));
  EXPECT_EQ(ended_[1].record.step, RunStep::kDropped);
  EXPECT_THAT(ended_[1].record.detail, StartsWith("ALREADY_RUN: "));
}

TEST_F(AgentTest, RunsNothingThatWasCancelledMeanwhile) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  world_.site().database().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 0);
  ASSERT_THAT(ended_, SizeIs(1));
  EXPECT_THAT(ended_[0].record.detail, StartsWith("CANCELLED: "));
}

TEST_F(AgentTest, AsksAgainBehindALongFetchAndThenHearsOfTheCancel) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  // The grant is on its way, then the process dies, and the job is cancelled before it is back.
  Restart(DieAt("fetched"));
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_FALSE(RunDue().ok());
  EXPECT_EQ(StateOf(kJob), "4");
  world_.site().database().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  Restart();
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 0);
  EXPECT_EQ(StateOf(kJob), "11");
}

TEST_F(AgentTest, RunsNothingThatExpiredWhileTheMachineWasOff) {
  world_.AddOffer(kJob, kHost).expires_after = absl::Now() + absl::Hours(1);
  world_.Offer(kHost);
  Restart(DieAt("fetched"));
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_FALSE(RunDue().ok());
  EXPECT_EQ(StateOf(kJob), "4");
  world_.site().database().Execute("UPDATE waybill.job SET expires_after = now()");
  Restart();
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 0);
  EXPECT_EQ(StateOf(kJob), "8");
  EXPECT_THAT(ended_.back().record.detail, StartsWith("EXPIRED: "));
}

TEST_F(AgentTest, StartsNothingThatExpiredWhileItWasFetchedUntilTheSiteAnswers) {
  world_.AddOffer(kJob, kHost).expires_after = absl::Now() + absl::Hours(1);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  Restart([this](absl::string_view step) {
    if (step == "fetched") {
      clock_.Advance(absl::Hours(2));
      world_.StopServer();
    }
    return absl::OkStatus();
  });
  EXPECT_THAT(RunDue(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(world_.CountLines(kJob), 0);
  EXPECT_EQ(StateOf(kJob), "4");
}

TEST_F(AgentTest, ReportsWhatItCannotFetchOnceEveryServerWasTriedAgain) {
  model::Offer& offer = world_.AddOffer(kJob, kHost);
  offer.locations = {{.server_name = "DS9", .directory = "/nonexistent/ds9"}};
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(StateOf(kJob), "6");
  EXPECT_THAT(world_.site().Target("reason", kJob, kHost), HasSubstr("DS9: open"));
  EXPECT_THAT(RunDue(), IsOk());
}

TEST_F(AgentTest, TriesAllServersAgainUntilOneHasThePackage) {
  options_.fetch_wait_max = absl::Hours(1);
  int tries = 0;
  model::Offer& offer = world_.AddOffer(kJob, kHost);
  const std::string home = offer.locations.at(0).directory;
  const std::string away = absl::StrCat(home, ".away");
  const tree::Directory top = tree::Directory::Open("/").value();
  ASSERT_THAT(top.Rename(home.substr(1), top, away.substr(1)), IsOk());
  agent_.reset();
  agent_ =
      Agent::Open(State(),
                  {.site = *client_,
                   .cache = *cache_,
                   .clock = clock_,
                   .random =
                       [&] {  // Drawn for the wait behind each failed try.
                         if (++tries == 3) {
                           EXPECT_THAT(top.Rename(away.substr(1), top, home.substr(1)), IsOk());
                         }
                         return 0.5;
                       }},
                  options_)
          .value();
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(world_.CountLines(kJob), 1);
  EXPECT_EQ(StateOf(kJob), "5");
  agent_.reset();
}

TEST_F(AgentTest, RemembersTheServerItUsedLast) {
  model::Offer& offer = world_.AddOffer(kJob, kHost);
  offer.locations.push_back(world_.share().Publish("DS2"));
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(RunDue(), IsOk());
  EXPECT_EQ(State().ReadFile("last_server", 100).value(),
            OrderLocations(offer.locations, kHost, "").front().server_name);
}

TEST_F(AgentTest, KeepsAResultUntilTheSiteIsBack) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  Restart([this](absl::string_view step) {
    if (step == "ran") world_.StopServer();
    return absl::OkStatus();
  });
  EXPECT_THAT(RunDue(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(world_.CountLines(kJob), 1);
  EXPECT_EQ(StateOf(kJob), "4");
  EXPECT_TRUE(agent_->HasWork());
  EXPECT_THAT(agent_->Poll(), StatusIs(absl::StatusCode::kUnavailable));
  world_.StartServer();
  const auto fresh = MakeSiteClient(world_.address(), "NYC", *tls_);  // Without gRPC's back-off.
  agent_.reset();
  agent_ =
      Agent::Open(State(),
                  {.site = *fresh, .cache = *cache_, .clock = clock_, .random = [] { return 0.5; }},
                  options_)
          .value();
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(StateOf(kJob), "5");
  EXPECT_EQ(world_.CountLines(kJob), 1);
  agent_.reset();
}

TEST_F(AgentTest, PutsAnOfferOffThatTheSiteCannotGrantYet) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  world_.site().database().Execute("UPDATE waybill.job_target SET state = 1");
  EXPECT_THAT(RunDue(), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(world_.CountLines(kJob), 0);
  EXPECT_FALSE(agent_->HasWork()) << "not at once";
  EXPECT_GT(agent_->UntilChange(), absl::ZeroDuration());
  EXPECT_LE(agent_->UntilChange(), absl::Seconds(1));
  world_.site().database().Execute("UPDATE waybill.job_target SET state = 2");
  Restart();
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(world_.CountLines(kJob), 1);
}

TEST_F(AgentTest, RemembersNothingOfAnOfferThatWasWithdrawn) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  world_.site().database().Execute("UPDATE waybill.job_target SET state = 1");
  EXPECT_THAT(RunDue(), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_FALSE(agent_->HasWork());
  world_.Withdraw(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  EXPECT_TRUE(agent_->HasWork()) << "it is not put off any more";
}

TEST_F(AgentTest, AStopKillsTheCommandAndReportsItAsInterrupted) {
  world_.AddOffer(kJob, kHost).arguments = {"/bin/sleep", "60"};
  world_.AddOffer("CEN00043", kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  Restart([this](absl::string_view step) {
    if (step == "started") agent_->Stop();
    return absl::OkStatus();
  });
  EXPECT_THAT(RunDue(), IsOk());
  EXPECT_EQ(StateOf(kJob), "12");
  EXPECT_EQ(world_.CountLines("CEN00043"), 0) << "nothing more is started";
}

TEST_F(AgentTest, OnlyOneAgentUsesAStateDirectory) {
  const auto second = Agent::Open(
      State(), {.site = *client_, .cache = *cache_, .clock = clock_, .random = [] { return 0.5; }},
      options_);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another waybill-pcm"));
}

TEST_F(AgentTest, TakesNoFileOfAnotherWorkstationAndNoBrokenOne) {
  ASSERT_THAT(State().WriteFile("definition.ins", "WAYBILL-PCM 1 NYC00017 9 0 0\n"), IsOk());
  Restart();
  EXPECT_THAT(agent_->ListOffers(), IsEmpty());
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  EXPECT_THAT(agent_->Poll(), IsOk());
  EXPECT_THAT(agent_->ListOffers(), SizeIs(1));
  agent_.reset();
  options_.sms_id = "NYC00018";  // Another certificate on the same state directory.
  Restart();
  EXPECT_THAT(agent_->ListOffers(), IsEmpty());
  EXPECT_THAT(agent_->Poll(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(AgentTest, RemovesCachedPackagesThatAreNoLongerOffered) {
  world_.AddOffer(kJob, kHost);
  world_.Offer(kHost);
  ASSERT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(RunDue(), IsOk());
  const std::string cached = absl::StrCat("state/cache/", world_.share().version().Prefix16Hex());
  EXPECT_TRUE(root_.Exists(cached).value());
  world_.site().WriteDefinition(kHost, 99);
  EXPECT_THAT(world_.Replicate(), IsOk());
  ASSERT_THAT(agent_->Poll(), IsOk());
  ASSERT_THAT(RunDue(), IsOk());
  EXPECT_FALSE(root_.Exists(cached).value());
}

}  // namespace
}  // namespace waybill::pcm
