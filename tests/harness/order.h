#ifndef WAYBILL_TESTS_HARNESS_ORDER_H_
#define WAYBILL_TESTS_HARNESS_ORDER_H_

#include <string>
#include <vector>

#include "waybill/job/v1/job.pb.h"

namespace waybill::harness {

/// A job as a test says it: RunCommand("tools").On("NYC|*|*"). The package is named; whoever
/// submits the order puts its id in.
class Order {
 public:
  Order(job::v1::JobType type, std::string package_name);

  Order& On(std::string machine_path);  ///< "site|domain|host"
  Order& OnWorkstations(const std::vector<std::string>& sms_ids);
  Order& AtSites(const std::vector<std::string>& site_codes);  ///< "*" alone: all.
  Order& Send(job::v1::SendPhase phase);
  Order& StartAfterSeconds(int seconds);  ///< From now.

  /// Everything else.
  job::v1::JobSpec& spec() { return spec_; }
  const job::v1::JobSpec& spec() const { return spec_; }
  const std::string& package_name() const { return package_name_; }

 private:
  std::string package_name_;
  job::v1::JobSpec spec_;
};

/// Mandatory at once, so that a workstation without a user runs it when it hears of it. `command`
/// is the one that Hierarchy::Import gives to every package.
Order RunCommand(const std::string& package_name, const std::string& command = "record");
Order Share(const std::string& package_name);
Order Remove(const std::string& package_name);

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_ORDER_H_
