#include "services/scheduler/job_rules.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/model/order_rules.h"
#include "common/model/proto_time.h"
#include "common/model/states.h"
#include "common/status/status_matchers.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::JobSpec;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kIllegal = absl::StatusCode::kFailedPrecondition;
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

JobSpec RunJob() {
  JobSpec spec;
  spec.set_type(job::v1::JOB_TYPE_RUN_COMMAND);
  spec.set_package_id("CEN00001");
  spec.mutable_target()->set_machine_path("NYC|*|*");
  spec.mutable_run_phase()->set_command("install");
  return spec;
}

job::v1::SiteList SitesOf(const char* site_code) {
  job::v1::SiteList sites;
  sites.add_site_codes(site_code);
  return sites;
}

JobSpec ShareJob() {
  JobSpec spec;
  spec.set_type(job::v1::JOB_TYPE_SHARE_PACKAGE);
  spec.set_package_id("CEN00001");
  spec.mutable_target()->mutable_sites()->add_site_codes("NYC");
  return spec;
}

JobSpec RemoveJob() {
  JobSpec spec = ShareJob();
  spec.set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
  spec.clear_target();
  return spec;
}

// Every row of the table of phase combinations.
TEST(CheckSpecTest, AllowsExactlyTheLegalPhaseCombinations) {
  struct Distribute {
    bool existing, specified;
  };
  for (const job::v1::SendPhase send :
       {job::v1::SEND_PHASE_UNSPECIFIED, job::v1::SEND_PHASE_IF_NOT_SENT,
        job::v1::SEND_PHASE_EVEN_IF_SENT, job::v1::SEND_PHASE_OFF}) {
    for (const Distribute distribute :
         {Distribute{false, false}, {true, false}, {false, true}, {true, true}}) {
      for (JobSpec spec : {RunJob(), ShareJob(), RemoveJob()}) {
        spec.set_send_phase(send);
        spec.mutable_distribute_phase()->set_refresh_existing(distribute.existing);
        spec.mutable_distribute_phase()->set_put_on_specified(distribute.specified);
        const bool distributes = distribute.existing || distribute.specified;
        const bool is_off = send == job::v1::SEND_PHASE_OFF;
        const bool is_plain_send = send <= job::v1::SEND_PHASE_IF_NOT_SENT;
        bool legal = true;
        if (spec.type() == job::v1::JOB_TYPE_SHARE_PACKAGE) {
          legal = !is_off || distributes;
        } else if (spec.type() == job::v1::JOB_TYPE_REMOVE_PACKAGE) {
          legal = !distributes && is_plain_send;
        }
        EXPECT_THAT(CheckSpec(spec), StatusIs(legal ? absl::StatusCode::kOk : kIllegal))
            << spec.ShortDebugString();
      }
    }
  }
}

TEST(CheckSpecTest, TheRunPhaseBelongsToRunJobsOnly) {
  JobSpec run = RunJob();
  run.clear_run_phase();
  EXPECT_THAT(CheckSpec(run), StatusIs(kIllegal));
  for (JobSpec spec : {ShareJob(), RemoveJob()}) {
    spec.mutable_run_phase()->set_command("install");
    EXPECT_THAT(CheckSpec(spec), StatusIs(kIllegal));
  }
}

TEST(CheckSpecTest, EachTypeTakesItsKindsOfTargets) {
  using SetTarget = std::function<void(job::v1::Target&)>;
  struct Kind {
    const char* name;
    SetTarget set;
    bool run, share, remove;
  };
  const Kind kinds[] = {
      {"none", [](auto& t) { t.Clear(); }, false, false, true},
      {"list", [](auto& t) { t.mutable_workstations()->add_sms_ids("NYC00017"); }, true, false,
       false},
      {"group", [](auto& t) { t.set_machine_group("PCs"); }, true, false, false},
      {"path", [](auto& t) { t.set_machine_path("NYC|SALES|*"); }, true, false, false},
      {"site path", [](auto& t) { t.set_machine_path("NYC|*|*"); }, true, true, false},
      {"sites", [](auto& t) { *t.mutable_sites() = SitesOf("NYC"); }, false, true, true},
      {"all sites", [](auto& t) { *t.mutable_sites() = SitesOf("*"); }, false, true, true}};
  for (const Kind& kind : kinds) {
    JobSpec specs[] = {RunJob(), ShareJob(), RemoveJob()};
    const bool expected[] = {kind.run, kind.share, kind.remove};
    for (int i = 0; i < 3; ++i) {
      kind.set(*specs[i].mutable_target());
      EXPECT_THAT(CheckSpec(specs[i]), StatusIs(expected[i] ? absl::StatusCode::kOk : kInvalid))
          << kind.name << " " << model::ToString(specs[i].type());
    }
  }
}

TEST(CheckSpecTest, NamesTheFieldThatIsWrong) {
  struct Case {
    const char* field;
    std::function<void(JobSpec&)> spoil;
  };
  const Case cases[] = {
      {"spec.type", [](JobSpec& s) { s.clear_type(); }},
      {"spec.type", [](JobSpec& s) { s.set_type(static_cast<job::v1::JobType>(9)); }},
      {"spec.priority", [](JobSpec& s) { s.set_priority(static_cast<job::v1::Priority>(9)); }},
      {"spec.send_phase", [](JobSpec& s) { s.set_send_phase(static_cast<job::v1::SendPhase>(9)); }},
      {"spec.comment",
       [](JobSpec& s) { s.set_comment(std::string(model::kCommentBytesMax + 1, 'x')); }},
      {"spec.comment", [](JobSpec& s) { s.set_comment("\x1b[2J"); }},
      {"spec.package_id", [](JobSpec& s) { s.set_package_id("../etc"); }},
      {"spec.version", [](JobSpec& s) { s.set_version("0123456789abcde"); }},
      {"spec.version", [](JobSpec& s) { s.set_version(std::string(65, 'a')); }},
      {"spec.version", [](JobSpec& s) { s.set_version("0123456789ABCDEF"); }},
      {"spec.version", [](JobSpec& s) { s.set_version("%_______________"); }},
      {"spec.target.machine_path",
       [](JobSpec& s) { s.mutable_target()->set_machine_path("NYC|*"); }},
      {"spec.target.machine_group", [](JobSpec& s) { s.mutable_target()->set_machine_group(""); }},
      {"spec.target.workstations", [](JobSpec& s) { s.mutable_target()->mutable_workstations(); }},
      {"spec.target.workstations",
       [](JobSpec& s) { s.mutable_target()->mutable_workstations()->add_sms_ids("x"); }},
      {"spec.target.workstations: at most 100000",
       [](JobSpec& s) {
         for (int i = 0; i <= kTargetWorkstationsMax; ++i) {
           s.mutable_target()->mutable_workstations()->add_sms_ids("NYC00001");
         }
       }},
      {"spec.target.sites: at most 10000",
       [](JobSpec& s) {
         for (int i = 0; i <= kTargetSitesMax; ++i) {
           s.mutable_target()->mutable_sites()->add_site_codes("NYC");
         }
       }},
      {"spec.target.sites", [](JobSpec& s) { s.mutable_target()->mutable_sites(); }},
      {"spec.target.sites",
       [](JobSpec& s) {
         s.mutable_target()->mutable_sites()->add_site_codes("*");
         s.mutable_target()->mutable_sites()->add_site_codes("NYC");
       }},
      {"spec.distribute_phase.server_group",
       [](JobSpec& s) { s.mutable_distribute_phase()->set_server_group("Servers"); }},
      {"spec.run_phase.command", [](JobSpec& s) { s.mutable_run_phase()->set_command(""); }},
      {"spec.run_phase.expires_after", [](JobSpec& s) {
         s.mutable_run_phase()->set_never_expires(true);
         s.mutable_run_phase()->mutable_expires_after();
       }}};
  for (const Case& bad : cases) {
    JobSpec spec = RunJob();
    bad.spoil(spec);
    const absl::Status status = CheckSpec(spec);
    EXPECT_THAT(status, StatusIs(kInvalid));
    EXPECT_THAT(std::string(status.message()), StartsWith(bad.field));
  }
}

google::protobuf::Timestamp At(absl::Duration after_now) {
  return model::ToProto(kNow + after_now);
}

TEST(FillDefaultsTest, FillsWhatWasLeftOut) {
  JobSpec spec = RunJob();
  ASSERT_THAT(FillDefaults(kNow, spec), IsOk());
  EXPECT_EQ(spec.priority(), job::v1::PRIORITY_MEDIUM);
  EXPECT_EQ(spec.send_phase(), job::v1::SEND_PHASE_IF_NOT_SENT);
  EXPECT_EQ(spec.start_after().seconds(), At({}).seconds());
  EXPECT_EQ(spec.deadline().seconds(), At(kDefaultDeadline).seconds());
  EXPECT_EQ(spec.run_phase().offer_after().seconds(), At({}).seconds());
  EXPECT_FALSE(spec.run_phase().has_mandatory_after());
  EXPECT_EQ(spec.run_phase().expires_after().seconds(), At(kDefaultExpiry).seconds());
}

TEST(FillDefaultsTest, KeepsWhatWasGivenAndLeavesNeverExpiringAlone) {
  JobSpec spec = RunJob();
  *spec.mutable_start_after() = At(absl::Hours(1));
  *spec.mutable_run_phase()->mutable_offer_after() = At(absl::Hours(-5));
  spec.mutable_run_phase()->set_never_expires(true);
  ASSERT_THAT(FillDefaults(kNow, spec), IsOk());
  EXPECT_EQ(spec.deadline().seconds(), At(absl::Hours(1) + kDefaultDeadline).seconds());
  EXPECT_EQ(spec.run_phase().offer_after().seconds(), At(absl::Hours(1)).seconds());
  EXPECT_FALSE(spec.run_phase().has_expires_after());
}

// Else a job that starts in 40 days is born with offers that expired ten days before.
TEST(FillDefaultsTest, TheDatesOfTheRunPhaseCountFromStartAfter) {
  for (const bool offer_is_given : {false, true}) {
    JobSpec spec = RunJob();
    *spec.mutable_start_after() = At(absl::Hours(24 * 40));
    if (offer_is_given) {
      *spec.mutable_run_phase()->mutable_offer_after() = At(absl::Hours(1));
    }
    ASSERT_THAT(FillDefaults(kNow, spec), IsOk());
    EXPECT_EQ(spec.run_phase().offer_after().seconds(), At(absl::Hours(24 * 40)).seconds());
    EXPECT_EQ(spec.run_phase().expires_after().seconds(), At(absl::Hours(24 * 70)).seconds());
  }
}

TEST(FillDefaultsTest, ALeftOutExpiresAfterIsThirtyDaysAfterOfferAfterWhateverIsMandatory) {
  JobSpec spec = RunJob();
  *spec.mutable_run_phase()->mutable_mandatory_after() = At(absl::Hours(24 * 20));
  ASSERT_THAT(FillDefaults(kNow, spec), IsOk());
  EXPECT_EQ(spec.run_phase().expires_after().seconds(), At(kDefaultExpiry).seconds());
}

TEST(FillDefaultsTest, AStartInThePastMeansAtOnceWithAWholeWeekToTheDeadline) {
  JobSpec spec = ShareJob();
  *spec.mutable_start_after() = At(absl::Hours(-24 * 30));
  ASSERT_THAT(FillDefaults(kNow, spec), IsOk());
  EXPECT_EQ(spec.deadline().seconds(), At(kDefaultDeadline).seconds());
}

TEST(FillDefaultsTest, RefusesDatesOutOfOrder) {
  struct Case {
    const char* field;
    std::function<void(JobSpec&)> spoil;
  };
  const Case cases[] = {
      {"spec.deadline", [](JobSpec& s) { *s.mutable_deadline() = At(absl::Hours(-1)); }},
      {"spec.deadline",
       [](JobSpec& s) {
         *s.mutable_start_after() = At(absl::Hours(2));
         *s.mutable_deadline() = At(absl::Hours(2));
       }},
      {"spec.start_after", [](JobSpec& s) { s.mutable_start_after()->set_nanos(-1); }},
      {"spec.run_phase.mandatory_after",
       [](JobSpec& s) {
         *s.mutable_run_phase()->mutable_offer_after() = At(absl::Hours(2));
         *s.mutable_run_phase()->mutable_mandatory_after() = At(absl::Hours(1));
       }},
      {"spec.run_phase.expires_after",
       [](JobSpec& s) { *s.mutable_run_phase()->mutable_expires_after() = At(absl::Hours(-1)); }},
      {"spec.run_phase.expires_after",
       [](JobSpec& s) {
         *s.mutable_start_after() = At(absl::Hours(2));
         *s.mutable_run_phase()->mutable_expires_after() = At(absl::Hours(1));
       }},
      {"spec.run_phase.expires_after",
       [](JobSpec& s) { *s.mutable_run_phase()->mutable_mandatory_after() = At(kDefaultExpiry); }},
      {"spec.run_phase.expires_after", [](JobSpec& s) {
         *s.mutable_run_phase()->mutable_mandatory_after() = At(absl::Hours(3));
         *s.mutable_run_phase()->mutable_expires_after() = At(absl::Hours(3));
       }}};
  for (const Case& bad : cases) {
    JobSpec spec = RunJob();
    bad.spoil(spec);
    const absl::Status status = FillDefaults(kNow, spec);
    EXPECT_THAT(status, StatusIs(kInvalid));
    EXPECT_THAT(std::string(status.message()), StartsWith(bad.field));
  }
}

// The rule over every combination of "is there such an edge".
TEST(SummarizeTest, DecidesEveryCombinationAsTheTableSays) {
  for (int bits = 0; bits < 1 << 11; ++bits) {
    const auto bit = [bits](int i) { return static_cast<std::int64_t>(bits >> i & 1); };
    JobEdges edges;
    edges.is_cancelled = bit(0);
    edges.is_late = bit(1);
    edges.sites_total = 3;
    edges.sites_open = bit(2);
    edges.sites_failed = bit(3);
    edges.sites_retrying = bit(2) * bit(4);
    edges.sites_unconfirmed = bit(5);
    edges.servers_open = bit(6);
    edges.servers_failed = bit(7);
    edges.servers_retrying = bit(6) * bit(4);
    edges.targets_open = bit(8);
    edges.targets_failed = bit(9);
    edges.cancels_open = bit(0) * bit(10);
    edges.site_wait = edges.server_wait = edges.site_failure = "NYC: UNREACHABLE: silent";

    const bool unserved = bit(2) || bit(6);
    job::v1::JobState expected = job::v1::JOB_STATE_COMPLETE;
    if (bit(0)) {
      const bool waits = bit(5) || bit(6) || bit(8) || bit(10);
      expected = waits ? job::v1::JOB_STATE_CANCELLING : job::v1::JOB_STATE_CANCELLED;
    } else if (unserved && bit(1)) {
      expected = job::v1::JOB_STATE_FAILED;
    } else if (unserved || bit(8)) {
      expected = unserved && bit(4) ? job::v1::JOB_STATE_RETRYING : job::v1::JOB_STATE_ACTIVE;
    } else if (bit(3) || bit(7) || bit(9)) {
      expected = job::v1::JOB_STATE_FAILED;
    }
    EXPECT_EQ(Summarize(edges).state, expected) << bits;
  }
}

TEST(SummarizeTest, AJobWithoutSitesYetIsNotComplete) {
  EXPECT_EQ(Summarize(JobEdges()), (JobSummary{job::v1::JOB_STATE_ACTIVE, ""}));
}

JobEdges OneSite() {
  JobEdges edges;
  edges.sites_total = 1;
  return edges;
}

TEST(SummarizeTest, AFailureIsToldWithCountsAndTheFirstReasonsWord) {
  JobEdges edges = OneSite();
  edges.sites_failed = 1;
  edges.targets_failed = 2;
  edges.site_failure = "BOS: VERSION_NOT_AT_SITE: not here";
  edges.target_failure = "NYC: exit code 3";
  EXPECT_EQ(Summarize(edges).reason,
            "VERSION_NOT_AT_SITE: 1 site, 2 workstations failed; first at BOS: not here");
  edges.sites_failed = 0;
  EXPECT_EQ(Summarize(edges).reason,
            "RUN_FAILED: 2 workstations failed; first at NYC: exit code 3");
  edges.target_failure.clear();
  EXPECT_THAT(Summarize(edges).reason, StartsWith("RUN_FAILED: 2 workstations failed"));
}

TEST(SummarizeTest, AWaitIsToldWithItsReason) {
  JobEdges edges = OneSite();
  edges.servers_open = edges.servers_retrying = 1;
  edges.server_wait = "NYC: INSUFFICIENT_SPACE: needs 5 bytes";
  EXPECT_EQ(Summarize(edges),
            (JobSummary{job::v1::JOB_STATE_RETRYING, "INSUFFICIENT_SPACE: at NYC: needs 5 bytes"}));
}

TEST(SummarizeTest, APassedDeadlineNamesHowManyWereOpen) {
  JobEdges edges = OneSite();
  edges.is_late = true;
  edges.sites_open = 2;
  edges.servers_open = 1;
  EXPECT_EQ(Summarize(edges).reason,
            "DEADLINE_PASSED: 2 sites and 1 server were not done at the deadline");
}

}  // namespace
}  // namespace waybill::scheduler
