#include "tests/harness/order.h"

#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/util/time_util.h>

#include "waybill/job/v1/job.pb.h"

namespace waybill::harness {
namespace {

google::protobuf::Timestamp InSeconds(int seconds) {
  using google::protobuf::util::TimeUtil;
  return TimeUtil::GetCurrentTime() + TimeUtil::SecondsToDuration(seconds);
}

}  // namespace

Order::Order(job::v1::JobType type, std::string package_name)
    : package_name_(std::move(package_name)) {
  spec_.set_type(type);
}

Order& Order::On(std::string machine_path) {
  spec_.mutable_target()->set_machine_path(std::move(machine_path));
  return *this;
}

Order& Order::OnWorkstations(const std::vector<std::string>& sms_ids) {
  spec_.mutable_target()->mutable_workstations()->mutable_sms_ids()->Assign(sms_ids.begin(),
                                                                            sms_ids.end());
  return *this;
}

Order& Order::AtSites(const std::vector<std::string>& site_codes) {
  spec_.mutable_target()->mutable_sites()->mutable_site_codes()->Assign(site_codes.begin(),
                                                                        site_codes.end());
  return *this;
}

Order& Order::Send(job::v1::SendPhase phase) {
  spec_.set_send_phase(phase);
  return *this;
}

Order& Order::StartAfterSeconds(int seconds) {
  *spec_.mutable_start_after() = InSeconds(seconds);
  return *this;
}

Order RunCommand(const std::string& package_name, const std::string& command) {
  Order order(job::v1::JOB_TYPE_RUN_COMMAND, package_name);
  job::v1::RunPhase& run = *order.spec().mutable_run_phase();
  run.set_command(command);
  // In the past, whatever the difference between the clocks of test and database.
  *run.mutable_offer_after() = InSeconds(-60);
  *run.mutable_mandatory_after() = InSeconds(-60);
  return order;
}

Order Share(const std::string& package_name) {
  Order order(job::v1::JOB_TYPE_SHARE_PACKAGE, package_name);
  order.spec().mutable_distribute_phase()->set_put_on_specified(true);
  return order;
}

Order Remove(const std::string& package_name) {
  return {job::v1::JOB_TYPE_REMOVE_PACKAGE, package_name};
}

}  // namespace waybill::harness
