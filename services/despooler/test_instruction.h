#ifndef WAYBILL_SERVICES_DESPOOLER_TEST_INSTRUCTION_H_
#define WAYBILL_SERVICES_DESPOOLER_TEST_INSTRUCTION_H_

#include <string>

#include "waybill/job/v1/job.pb.h"
#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::despooler {

/// Sixty-four hexadecimal digits.
inline std::string TestVersion(char digit = 'a') {
  return std::string(64, digit);
}

/// Job CEN00001 with a command, for NYC and LAB, as a Scheduler of CEN would send it.
inline transfer::v1::Instruction TestInstruction() {
  transfer::v1::Instruction instruction;
  instruction.set_job_id("CEN00001");
  instruction.set_origin_site_code("CEN");
  instruction.set_revision(1);
  instruction.set_package_name("office");
  instruction.mutable_create_time()->set_seconds(1'800'000'000);
  job::v1::JobSpec& spec = *instruction.mutable_spec();
  spec.set_type(job::v1::JOB_TYPE_RUN_COMMAND);
  spec.set_package_id("CEN00001");
  spec.set_version(TestVersion());
  spec.set_priority(job::v1::PRIORITY_MEDIUM);
  spec.set_send_phase(job::v1::SEND_PHASE_IF_NOT_SENT);
  spec.mutable_start_after()->set_seconds(1'800'000'000);
  spec.mutable_deadline()->set_seconds(1'900'000'000);
  spec.mutable_run_phase()->set_command("install");
  spec.mutable_run_phase()->mutable_offer_after()->set_seconds(1'800'000'000);
  spec.mutable_run_phase()->set_never_expires(true);
  instruction.mutable_command()->set_command_name("install");
  instruction.mutable_command()->add_arguments("setup");
  instruction.mutable_command()->mutable_time_limit()->set_seconds(60);
  instruction.mutable_command()->add_success_exit_codes(0);
  instruction.mutable_command()->add_platforms("windows");
  instruction.add_site_codes("NYC");
  instruction.add_site_codes("LAB");
  return instruction;
}

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_TEST_INSTRUCTION_H_
