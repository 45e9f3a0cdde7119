#include "services/cli/job_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

job::v1::Job SampleJob() {
  job::v1::Job job;
  job.set_job_id("CEN00042");
  job.set_state(job::v1::JOB_STATE_RETRYING);
  job.mutable_spec()->set_type(job::v1::JOB_TYPE_RUN_COMMAND);
  job.mutable_spec()->set_send_phase(job::v1::SEND_PHASE_IF_NOT_SENT);
  job.mutable_spec()->mutable_run_phase()->set_command("install");
  job.mutable_send()->set_total(2);
  job.mutable_send()->set_done(1);
  job.mutable_send()->set_retrying(1);
  job::v1::JobSite* site = job.add_sites();
  site->set_site_code("NYC");
  site->set_send_state(job::v1::SEND_STATE_RETRYING);
  site->set_send_reason("UNREACHABLE: no answer\x1b[2J");
  site->set_bytes_total(2000);
  site->set_bytes_sent(500);
  job::v1::JobServer* server = site->add_servers();
  server->set_server_name("DS1");
  server->set_state(job::v1::SERVER_STATE_PENDING);
  return job;
}

TEST(JobView, ShowsTheThreePhasesWithTheSendOptionAmongThem) {
  const std::string details = JobDetails(SampleJob());
  EXPECT_THAT(details, HasSubstr("Job CEN00042: RETRYING"));
  EXPECT_THAT(details, HasSubstr("Send: 1 of 2 done, 1 retrying"));
  EXPECT_THAT(details, HasSubstr("Only If Not Previously Sent"));
  EXPECT_THAT(details, HasSubstr("DS1     PENDING"));
  EXPECT_THAT(details, HasSubstr("500 B of 2.0 KB (25 %)"));
  EXPECT_THAT(details, HasSubstr("never: the user decides"));
}

TEST(JobView, LetsNoReasonMoveTheCursor) {
  EXPECT_THAT(JobDetails(SampleJob()), Not(HasSubstr("\x1b")));
}

TEST(JobView, PutsRateAndTimeLeftOnTheLine) {
  EXPECT_EQ(JobLine(SampleJob(), absl::Seconds(10), 400),
            "CEN00042 RETRYING  send 1/2, 500 B of 2.0 KB (25 %), 10 B/s, 2 min 30 s left  "
            "distribute 0/0  run 0/0");
}

TEST(JobView, CallsTheServersOfARemoveJobByTheirPhase) {
  job::v1::Job job = SampleJob();
  job.mutable_spec()->set_type(job::v1::JOB_TYPE_REMOVE_PACKAGE);
  job.mutable_spec()->clear_run_phase();
  EXPECT_THAT(JobDetails(job), HasSubstr("\nRemove: none"));
  EXPECT_THAT(JobDetails(job), HasSubstr("\nRun: off"));
}

TEST(JobView, CountsTheTargetsWhoseNamesAreLeftOut) {
  job::v1::Job job = SampleJob();
  job.mutable_spec()->mutable_target()->mutable_workstations()->set_count(70'000);
  EXPECT_THAT(JobDetails(job), HasSubstr("70000 workstations by name"));
  job::v1::SiteList& sites = *job.mutable_spec()->mutable_target()->mutable_sites();
  sites.set_count(2);
  EXPECT_THAT(JobDetails(job), HasSubstr("2 sites by name"));
  sites.add_site_codes("NYC");
  EXPECT_THAT(JobDetails(job), HasSubstr("sites NYC"));
}

}  // namespace
}  // namespace waybill::cli
