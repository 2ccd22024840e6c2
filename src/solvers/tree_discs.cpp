/// Discs, |x| <= 1 with x two sums of a pair's controls or a vertex's flows. A disc is one limit more, |x|^2 / 2 <= 1/2 with slack s and
/// multiplier z, whose row is the present x: a step costs z |dx|^2 / 2 besides. Its force on x is a variable of its own, since z x
/// is not linear in a step.
#include <algorithm>
#include <cmath>

#include "tree_barrier.hpp"

namespace dec::solvers {

std::array<double, 2> TreeBarrier::place_of(Disc const& disc) const {
    return {value_[disc.first] - disc.centre[0], value_[disc.first + 1] - disc.centre[1]};
}

void TreeBarrier::measure_discs() {
    for (auto const& disc : discs_) {
        auto const [x, y] = place_of(disc);
        value_[disc.row] = 0.5 * (x * x + y * y);
    }
}

void TreeBarrier::press_discs() {
    for (auto& disc : discs_) {
        auto const [x, y] = place_of(disc);
        disc.force = {high_.z[disc.limit] * x, high_.z[disc.limit] * y};
        disc.bend = {0.0, 0.0};
    }
}

void TreeBarrier::follow_discs(TreeStep& step) const {
    for (auto const& disc : discs_) {
        auto const [x, y] = place_of(disc);
        step.row[disc.row] = x * step.row[disc.first] + y * step.row[disc.first + 1];
    }
}

void TreeBarrier::remember_discs(TreeStep const& step) {
    for (auto& disc : discs_) disc.prediction = {step.row[disc.first], step.row[disc.first + 1], step.row[disc.row]};
}

void TreeBarrier::advance_discs(double length, TreeStep const& step, TreeModel const& model) {
    for (auto& disc : discs_) {
        auto const i = disc.first;
        double const dx = step.row[i], dy = step.row[i + 1], cross = model.row_cross[i];
        disc.force[0] += length * (model.row_slope[i] + model.row_curvature[i] * dx + cross * dy);
        disc.force[1] += length * (model.row_slope[i + 1] + cross * dx + model.row_curvature[i + 1] * dy);
        disc.bend = {0.0, 0.0};
    }
}

// Second-order terms of the prediction: |dx|^2 / 2 in the limit, dz dx in the force.
void TreeBarrier::bend_discs(TreeModel const& model) {
    for (auto& disc : discs_) {
        auto const [dx, dy, along] = disc.prediction;
        double const dz = model.row_slope[disc.row] + model.row_curvature[disc.row] * along;
        value_[disc.row] += second_share_ * 0.5 * (dx * dx + dy * dy);
        disc.bend = {second_share_ * dz * dx, second_share_ * dz * dy};
    }
}

void TreeBarrier::couple_discs(bool polishing, TreeModel& model) const {
    for (auto const& disc : discs_) {
        auto const i = disc.first;
        auto const [x, y] = place_of(disc);
        double const dz = model.row_slope[disc.row], stiffness = model.row_curvature[disc.row];
        double const z = high_.z[disc.limit], curvature = polishing ? std::max(z + dz, 0.0) : z;
        model.row_curvature[i] = curvature + stiffness * x * x;
        model.row_curvature[i + 1] = curvature + stiffness * y * y;
        model.row_cross[i] = stiffness * x * y;
        model.row_slope[i] = (z + dz) * x - disc.force[0] + disc.bend[0];
        model.row_slope[i + 1] = (z + dz) * y - disc.force[1] + disc.bend[1];
    }
}

void TreeBarrier::polish_discs_step(TreeStep& step) const {
    follow_discs(step);
    for (auto const& disc : discs_) {
        double const dx = step.row[disc.first], dy = step.row[disc.first + 1];
        step.row[disc.row] += 0.5 * (dx * dx + dy * dy);
    }
}

void TreeBarrier::press_discs_after(TreeStep const& step) {
    for (auto& disc : discs_) {
        auto const [x, y] = place_of(disc);
        double const z = high_.z[disc.limit];
        disc.force = {z * (x + step.row[disc.first]), z * (y + step.row[disc.first + 1])};
    }
}

}  // namespace dec::solvers
