#include "feeder_simplex.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace dec::coordination {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// By this much a step may pass a bound of a share, a limit in pu^2, if that gives a better pivot (Harris, Math. Programming 5, 1973).
constexpr double share_slack = 1e-11, limit_slack = 1e-12;
// What moves less than this part of the fastest stands still.
constexpr double still = 1e-9;
// Of the terms of a derivative: below this they cancel, and below this part of the highest price they count for nothing.
constexpr double cancelled = 1e-11, worthless = 1e-11;

}  // namespace

FeederSimplex::FeederSimplex(core::Communicator const& comm, model::LinDist3Flow& flow, PieceLinks const& links,
                             std::span<Node const> nodes, MarginalPrices& prices, std::vector<double> upper,
                             std::vector<double> alpha, bool capped, Watch watch)
    : comm_{comm}, flow_{flow}, links_{links}, nodes_{nodes}, prices_{prices}, upper_{std::move(upper)},
      alpha_{std::move(alpha)}, capped_{capped}, watch_{std::move(watch)} {
    auto const count = alpha_.size();
    cost_.assign(count, 0.0);
    rate_.assign(count, 0.0);
    slot_.assign(count, -1);
    met_.assign(nodes.size(), 0);
    std::int64_t open = 0;
    for (std::size_t d = 0; d < count; ++d) {
        alpha_[d] = std::clamp(alpha_[d], 0.0, upper_[d]);
        cap_ = std::max(cap_, upper_[d] > 0.0 ? alpha_[d] : 0.0);
        open += upper_[d] > 0.0 ? 1 : 0;
    }
    cap_ = comm.max(cap_);
    for (std::size_t d = 0; d < count; ++d) {
        place_.push_back(upper_[d] <= 0.0              ? Place::fixed
                         : capped && upper_[d] >= cap_ ? Place::hanging
                                                       : Place::between);
    }
    most_steps_ = 1000 + 20 * comm.sum(open);
    rate_of_node_.assign(nodes.size(), 0.0);
    find_state();
}

void FeederSimplex::find_state() {
    flow_.solve(alpha_, state_);
    voltage_.clear();
    for (auto const& node : nodes_) voltage_.push_back(seen(flow_.piece(), state_, node));
}

double FeederSimplex::room(Row const& row) const {
    if (row.node < 0) return 0.0;
    return (row.limit - voltage_[static_cast<std::size_t>(row.node)]) / row.scale;
}

/// The bound that a share at none is brought to: with a cap as high as it may be, which eases more limits than it hurts.
double FeederSimplex::aim(std::size_t d) const {
    return place_[d] == Place::hanging || alpha_[d] > 0.5 * ceiling(d) ? ceiling(d) : 0.0;
}

void FeederSimplex::refactor() {
    auto const m = size();
    std::vector<std::size_t> basic, capped;
    for (std::size_t d = 0; d < slot_.size(); ++d) {
        if (slot_[d] >= 0) basic.push_back(d);
        if (cap_is_basic() && under_cap(d)) capped.push_back(d);
    }
    Eigen::MatrixXd basis = Eigen::MatrixXd::Zero(m, m);
    for (std::ptrdiff_t r = 0; r < m; ++r) {
        auto const& effect = rows_[static_cast<std::size_t>(r)].effect;
        for (auto const d : basic) basis(r, slot_[d]) += effect[d];
        for (auto const d : capped) basis(r, cap_slot_) += effect[d];
    }
    links_.sum({basis.data(), static_cast<std::size_t>(basis.size())});
    if (m > 0) basis_.compute(basis);
}

/// Puts the limits that are met exactly there, where rounding of steps has carried them away.
void FeederSimplex::refine() {
    constexpr double drift = 1e-12;  // in shares of who moves the limit most
    if (rows_.empty()) return;
    Eigen::VectorXd missing = Eigen::VectorXd::Zero(size());
    for (std::ptrdiff_t r = 0; r < size(); ++r) missing(r) = room(rows_[static_cast<std::size_t>(r)]);
    links_.sum({missing.data(), rows_.size()});
    if (missing.cwiseAbs().maxCoeff() <= drift) return;
    Eigen::VectorXd const move = basis_.solve(missing);
    if (cap_is_basic()) cap_ += move(cap_slot_);
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        if (slot_[d] >= 0) alpha_[d] += move(slot_[d]);
        else if (cap_is_basic() && under_cap(d)) alpha_[d] += move(cap_slot_);
        if (place_[d] == Place::cap) alpha_[d] = cap_;
    }
    find_state();
}

/// `rate_` and `cap_rate_`: movers as they move, those in the basis so that limits that are met stay so.
void FeederSimplex::find_direction(Movers const& movers) {
    std::ranges::fill(rate_, 0.0);
    cap_rate_ = movers.cap ? -1.0 : 0.0;
    if (movers.all_between)
        for (std::size_t d = 0; d < rate_.size(); ++d) {
            if (!is_between(d)) continue;
            rate_[d] = aim(d) - alpha_[d];
        }
    else if (movers.der >= 0) rate_[static_cast<std::size_t>(movers.der)] = movers.sign;
    std::vector<std::pair<std::size_t, double>> moving;
    for (std::size_t d = 0; d < rate_.size(); ++d)
        if (double const rate = rate_[d] + (movers.cap && under_cap(d) ? cap_rate_ : 0.0); rate != 0.0)
            moving.emplace_back(d, rate);
    Eigen::VectorXd effect = Eigen::VectorXd::Zero(size());
    for (std::ptrdiff_t r = 0; r < size(); ++r)
        for (auto const& [d, rate] : moving) effect(r) += rows_[static_cast<std::size_t>(r)].effect[d] * rate;
    links_.sum({effect.data(), rows_.size()});
    if (movers.row >= 0) effect(movers.row) -= movers.sign / rows_[static_cast<std::size_t>(movers.row)].scale;
    Eigen::VectorXd const answer = rows_.empty() ? Eigen::VectorXd{} : Eigen::VectorXd{basis_.solve(-effect)};
    if (cap_is_basic()) cap_rate_ = answer(cap_slot_);
    for (std::size_t d = 0; d < rate_.size(); ++d) {
        if (slot_[d] >= 0) rate_[d] = answer(slot_[d]);
        else if (under_cap(d)) rate_[d] += cap_rate_;
    }
    flow_.solve_change(rate_, change_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) rate_of_node_[i] = seen(flow_.piece(), change_, nodes_[i]);
}

/// The best of all ranks' candidates; of those that are equally good the first in the feeder's order. Its index is -1 on other ranks.
FeederSimplex::Choice FeederSimplex::choose(std::span<Candidate const> candidates) const {
    constexpr double alike = 1e-9;
    Choice choice;
    for (auto const& candidate : candidates) choice.value = std::max(choice.value, candidate.value);
    choice.value = comm_.max(choice.value);
    double order = infinity;
    for (std::size_t k = 0; k < candidates.size() && choice.value > 0.0; ++k) {
        auto const own = static_cast<double>(candidates[k].order);
        if (candidates[k].value < (1.0 - alike) * choice.value || own >= order) continue;
        order = own;
        choice.index = static_cast<std::ptrdiff_t>(k);
    }
    if (comm_.min(order) < order) choice.index = -1;
    return choice;
}

/// The first bound or limit in the way; of several the one that moves fastest, as the better pivot.
FeederSimplex::Block FeederSimplex::find_block(Movers const& movers) {
    double fastest_limit = 0.0, fastest_share = std::abs(cap_rate_);
    for (auto const rate : rate_of_node_) fastest_limit = std::max(fastest_limit, std::abs(rate));
    for (auto const rate : rate_) fastest_share = std::max(fastest_share, std::abs(rate));
    std::array fastest{fastest_limit, fastest_share};
    links_.max(fastest);
    // visit(event, index, distance, rate, slack): rate > 0, in parts of the fastest of its kind.
    auto const each = [&](auto const& visit) {
        auto const share = [&](Event event, std::size_t d, double distance, double rate) {
            if (rate > still * fastest[1]) visit(event, d, distance, rate, share_slack, rate / fastest[1]);
        };
        for (std::size_t d = 0; d < rate_.size(); ++d) {
            if (place_[d] == Place::fixed) continue;
            if (place_[d] == Place::upper && capped_) share(Event::follows_cap, d, cap_ - upper_[d], -cap_rate_);
            if (place_[d] != Place::basic && !is_between(d)) continue;
            share(Event::lower, d, alpha_[d], -rate_[d]);
            share(Event::upper, d, upper_[d] - alpha_[d], rate_[d]);
            if (capped_) share(Event::cap, d, cap_ - alpha_[d], rate_[d] - cap_rate_);
        }
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            double const rate = rate_of_node_[i];
            if (std::abs(rate) <= still * fastest[0]) continue;
            double const v = voltage_[i];
            if (rate > 0.0 && (met_[i] & 1) == 0 && std::isfinite(nodes_[i].high))
                visit(Event::high_limit, i, nodes_[i].high - v, rate, limit_slack, rate / fastest[0]);
            if (rate < 0.0 && (met_[i] & 2) == 0 && std::isfinite(nodes_[i].low))
                visit(Event::low_limit, i, v - nodes_[i].low, -rate, limit_slack, -rate / fastest[0]);
        }
    };
    double farthest = infinity;
    each([&](Event, std::size_t, double distance, double rate, double slack, double) {
        farthest = std::min(farthest, (std::max(distance, 0.0) + slack) / rate);
    });
    farthest = comm_.min(farthest);
    if (capped_ && cap_rate_ < 0.0) farthest = std::min(farthest, cap_ / -cap_rate_);
    if (movers.all_between && farthest >= 1.0) return {.event = Event::arrived, .step = 1.0};
    auto const& piece = flow_.piece();
    std::vector<Candidate> candidates;
    std::vector<Block> blocks;
    each([&](Event event, std::size_t index, double distance, double rate, double, double part) {
        double const step = std::max(distance, 0.0) / rate;
        if (step > farthest) return;
        candidates.push_back({part, is_limit(event) ? nodes_[index].row : piece.totals.nodes + order_of(index)});
        blocks.push_back({.event = event, .step = step, .index = static_cast<std::ptrdiff_t>(index)});
    });
    auto const choice = choose(candidates);
    if (choice.value == 0.0) {
        bool const ends = capped_ && cap_rate_ < 0.0;
        return {.event = ends ? Event::no_cap : Event::none, .step = ends ? cap_ / -cap_rate_ : 0.0};
    }
    Block block;
    if (choice.index >= 0) block = blocks[static_cast<std::size_t>(choice.index)];
    std::array<double, 3> told{};
    if (choice.index >= 0) {
        double const slot =
            is_limit(block.event) ? -1.0 : static_cast<double>(slot_[static_cast<std::size_t>(block.index)]);
        told = {static_cast<double>(block.event), block.step, slot};
    }
    links_.sum(told);
    block.event = static_cast<Event>(static_cast<int>(told[0]));
    block.step = told[1];
    block.slot = static_cast<std::ptrdiff_t>(told[2]);
    return block;
}

void FeederSimplex::take(double step) {
    cap_ += step * cap_rate_;
    for (std::size_t d = 0; d < alpha_.size(); ++d) alpha_[d] += step * rate_[d];
    for (std::size_t i = 0; i < nodes_.size(); ++i) voltage_[i] += step * rate_of_node_[i];
    idle_ = step > 1e-13 ? 0 : idle_ + 1;
}

FeederSimplex::Row FeederSimplex::make_row(Block const& block) {
    Row row{.node = block.index, .high = block.event == Event::high_limit};
    std::vector<double> const nothing(nodes_.size(), 0.0);
    auto weight = nothing;
    if (row.node >= 0) {
        auto const i = static_cast<std::size_t>(row.node);
        weight[i] = 1.0;
        row.limit = row.high ? nodes_[i].high : nodes_[i].low;
        met_[i] |= row.high ? 1 : 2;
    }
    row.effect = prices_.gradient(nodes_, nothing, weight);
    double largest = 0.0;
    for (std::size_t d = 0; d < row.effect.size(); ++d)
        if (place_[d] != Place::fixed) largest = std::max(largest, std::abs(row.effect[d]));
    row.scale = comm_.max(largest);
    for (auto& effect : row.effect) effect /= row.scale;
    return row;
}

/// It has no row any more.
void FeederSimplex::forget(Row const& row) {
    if (row.node < 0) return;
    auto& met = met_[static_cast<std::size_t>(row.node)];
    met = static_cast<char>(met & ~(row.high ? 1 : 2));
}

/// Of all that are between bounds the one that can best take the place of what is blocked.
void FeederSimplex::choose_entering(Movers const& movers, Block const& block, Row const* row, std::ptrdiff_t& der,
                                    bool& cap) {
    Eigen::VectorXd of_basis = Eigen::VectorXd::Zero(size());
    if (row != nullptr) {
        for (std::size_t d = 0; d < alpha_.size(); ++d) {
            if (slot_[d] >= 0) of_basis(slot_[d]) += row->effect[d];
            if (cap_is_basic() && under_cap(d)) of_basis(cap_slot_) += row->effect[d];
        }
        links_.sum({of_basis.data(), rows_.size()});
    } else {
        of_basis(block.slot) = 1.0;
        if (block.event == Event::cap && cap_is_basic()) of_basis(cap_slot_) -= 1.0;
    }
    Eigen::VectorXd const by_row =
        rows_.empty() ? Eigen::VectorXd{} : Eigen::VectorXd{basis_.transpose().solve(of_basis)};
    auto const effect = [&](std::size_t d) {
        double sum = row != nullptr ? row->effect[d] : 0.0;
        for (std::ptrdiff_t r = 0; r < size(); ++r) sum -= by_row(r) * rows_[static_cast<std::size_t>(r)].effect[d];
        return sum;
    };
    std::array<double, 1> of_cap{0.0};
    std::vector<Candidate> candidates;
    std::vector<std::size_t> whose;
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        bool const for_cap = movers.cap || (capped_ && !cap_is_basic());
        if (!is_between(d) && !(for_cap && under_cap(d))) continue;
        double const own = effect(d);
        if (under_cap(d)) of_cap[0] += own;
        if (!is_between(d)) continue;
        double const inside = std::min(alpha_[d], std::max(ceiling(d) - alpha_[d], 0.0));
        candidates.push_back({std::abs(own) * inside, order_of(d)});
        whose.push_back(d);
    }
    links_.sum(of_cap);
    auto const choice = choose(candidates);
    if (choice.index >= 0) der = static_cast<std::ptrdiff_t>(whose[static_cast<std::size_t>(choice.index)]);
    cap = capped_ && !cap_is_basic() && std::abs(of_cap[0]) * cap_ > choice.value;
    if (cap) der = -1;
}

void FeederSimplex::enter(std::ptrdiff_t der, bool cap, std::ptrdiff_t slot) {
    if (cap) cap_slot_ = slot;
    if (der < 0) return;
    place_[static_cast<std::size_t>(der)] = Place::basic;
    slot_[static_cast<std::size_t>(der)] = slot;
}

/// Takes a row and a column out of the basis; the last ones get their numbers.
void FeederSimplex::drop(std::ptrdiff_t row, std::ptrdiff_t slot) {
    auto const last = size() - 1;
    for (auto& s : slot_)
        if (s == last) s = slot;
    if (cap_slot_ == last) cap_slot_ = slot;
    rows_[static_cast<std::size_t>(row)] = std::move(rows_.back());
    rows_.pop_back();
}

/// What is blocked stays at its bound; a mover takes its place in the basis. \return false if no mover can.
bool FeederSimplex::pivot(Movers& movers, Block const& block) {
    auto const blocked = static_cast<std::size_t>(block.index);
    if (block.event == Event::follows_cap) {
        if (block.index >= 0) place_[blocked] = Place::cap;
        return true;
    }
    bool const at_limit = is_limit(block.event);
    auto const settle_at_bound = [&] {
        if (block.index < 0) return;
        slot_[blocked] = -1;
        place_[blocked] = block.event == Event::lower   ? Place::lower
                          : block.event == Event::upper ? Place::upper
                                                        : Place::cap;
        alpha_[blocked] = block.event == Event::lower ? 0.0 : block.event == Event::upper ? upper_[blocked] : cap_;
    };
    if (!at_limit && block.slot < 0) {
        settle_at_bound();
        if (!movers.all_between) movers = {};
        return true;
    }
    std::optional<Row> row;
    if (at_limit) row = make_row(block);
    if (movers.row >= 0) {
        // The limit that is left makes room for another, or for the bound of a share.
        auto& left = rows_[static_cast<std::size_t>(movers.row)];
        forget(left);
        if (row) left = std::move(*row);
        else {
            settle_at_bound();
            drop(movers.row, block.slot);
        }
        movers = {};
        return true;
    }
    std::ptrdiff_t der = movers.der;
    bool cap = movers.cap;
    if (movers.all_between) choose_entering(movers, block, row ? &*row : nullptr, der, cap);
    if (comm_.max(static_cast<double>(der)) < 0.0 && !cap) return false;
    auto const slot = at_limit ? size() : block.slot;
    if (row) rows_.push_back(std::move(*row));
    else settle_at_bound();
    enter(der, cap, slot);
    if (!movers.all_between) movers = {};
    return true;
}

bool FeederSimplex::move(Movers movers) {
    auto const goes_on = [&] { return movers.all_between || movers.row >= 0 || movers.cap || movers.single_der; };
    // At no bound from now on, until it is blocked or something else is.
    if (movers.der >= 0) {
        auto& place = place_[static_cast<std::size_t>(movers.der)];
        place = place == Place::cap ? Place::hanging : Place::between;
    }
    while (goes_on()) {
        if (++steps_ > most_steps_ || rows_.size() > most_rows) return false;
        if (steps_ % steps_between == 0 && watch_(alpha_)) return false;
        find_direction(movers);
        auto const block = find_block(movers);
        if (block.event == Event::none) return false;
        take(block.step);
        if (movers.row >= 0) rows_[static_cast<std::size_t>(movers.row)].limit += movers.sign * block.step;
        if (block.event == Event::no_cap) {
            cap_ = 0.0;
            return true;
        }
        if (block.event == Event::arrived) {
            for (std::size_t d = 0; d < alpha_.size(); ++d) {
                if (!is_between(d)) continue;
                alpha_[d] = aim(d);
                place_[d] = alpha_[d] <= 0.0 ? Place::lower : alpha_[d] < upper_[d] ? Place::cap : Place::upper;
            }
            movers = {};
        } else if (!pivot(movers, block)) return false;
        refactor();
        refine();
    }
    return true;
}

void FeederSimplex::find_prices() {
    Eigen::VectorXd of_basis = Eigen::VectorXd::Zero(size());
    for (std::size_t d = 0; d < alpha_.size(); ++d)
        if (slot_[d] >= 0) of_basis(slot_[d]) = cost_[d];
    links_.sum({of_basis.data(), rows_.size()});
    if (cap_is_basic()) of_basis(cap_slot_) = 1.0;
    price_ = rows_.empty() ? Eigen::VectorXd{} : Eigen::VectorXd{basis_.transpose().solve(of_basis)};
    reduced_ = cost_;
    noise_.assign(cost_.size(), 0.0);
    for (std::size_t d = 0; d < cost_.size(); ++d) noise_[d] = cancelled * std::abs(cost_[d]);
    for (std::ptrdiff_t r = 0; r < size(); ++r) {
        if (price_(r) == 0.0) continue;
        auto const& effect = rows_[static_cast<std::size_t>(r)].effect;
        for (std::size_t d = 0; d < cost_.size(); ++d) {
            double const part = price_(r) * effect[d];
            reduced_[d] -= part;
            noise_[d] += cancelled * std::abs(part);
        }
    }
    double const nothing = rows_.empty() ? 0.0 : worthless * price_.cwiseAbs().maxCoeff();
    for (double& noise : noise_) noise += nothing;
}

/// A share or limit that makes the objective smaller when it leaves its bound. \return false at the optimum.
bool FeederSimplex::find_improvement(Movers& movers) {
    constexpr std::int64_t patience =
        20;  // from here on the first instead of the best, which does not go round in circles
    find_prices();
    movers = {};
    bool const takes_first = idle_ >= patience;
    std::vector<Candidate> candidates;
    std::vector<Movers> whose;
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        if (place_[d] != Place::lower && place_[d] != Place::upper && place_[d] != Place::cap) continue;
        double const sign = place_[d] == Place::lower ? 1.0 : -1.0;
        double const gain = -sign * reduced_[d];
        if (gain <= noise_[d]) continue;
        candidates.push_back({takes_first ? 1.0 : gain, order_of(d)});
        whose.push_back({.der = static_cast<std::ptrdiff_t>(d), .sign = sign});
    }
    auto const choice = choose(candidates);
    if (choice.index >= 0) movers = whose[static_cast<std::size_t>(choice.index)];
    movers.single_der = choice.value > 0.0;
    double best = choice.value;
    auto const better = [&](double gain) { return takes_first ? best == 0.0 : gain > best; };
    double const least = rows_.empty() ? 0.0 : cancelled * price_.cwiseAbs().maxCoeff();
    for (std::ptrdiff_t r = 0; r < size(); ++r) {
        auto const& row = rows_[static_cast<std::size_t>(r)];
        double const gain = row.high ? price_(r) : -price_(r);
        if (row.held || gain <= least || !better(gain)) continue;
        best = gain;
        movers = {.row = r, .sign = row.high ? -1.0 : 1.0};
    }
    return best > 0.0;
}

bool FeederSimplex::walk() {
    auto const between = [this] {
        double any = 0.0;
        for (std::size_t d = 0; d < alpha_.size(); ++d) any = std::max(any, is_between(d) ? 1.0 : 0.0);
        return comm_.max(any) > 0.0;
    };
    if (between() && !move({.all_between = true})) return false;
    if (capped_ && !cap_is_basic() && !move({.cap = true})) return false;
    for (Movers movers; !(capped_ && cap_ <= 0.0) && find_improvement(movers);)
        if (!move(movers)) return false;
    find_state();
    refine();
    find_prices();
    return true;
}

bool FeederSimplex::minimise_cap() {
    std::ranges::fill(cost_, 0.0);
    return walk();
}

bool FeederSimplex::minimise(std::vector<double> const& cost) {
    cost_ = cost;
    return walk();
}

std::vector<char> FeederSimplex::settle() {
    std::vector<char> settled(alpha_.size(), 0);
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        bool const at_bound = place_[d] == Place::lower || place_[d] == Place::upper || place_[d] == Place::cap;
        if (!at_bound || std::abs(reduced_[d]) <= noise_[d]) continue;
        place_[d] = Place::fixed;
        settled[d] = 1;
    }
    if (rows_.empty()) return settled;
    std::ptrdiff_t dearest = 0;
    double const highest = price_.cwiseAbs().maxCoeff(&dearest);
    for (std::ptrdiff_t r = 0; r < size(); ++r)
        if (std::abs(price_(r)) > cancelled * highest) rows_[static_cast<std::size_t>(r)].held = true;
    if (cap_is_basic()) {
        // The cap is given now. With what is fixed, and the other limits held, the dearest is met by itself.
        drop(dearest, cap_slot_);
        cap_slot_ = -1;
        refactor();
    }
    return settled;
}

double FeederSimplex::gap() const {
    double objective = 0.0, gap = 0.0;
    for (std::ptrdiff_t r = 0; r < size(); ++r) gap += std::abs(price_(r) * room(rows_[static_cast<std::size_t>(r)]));
    for (std::size_t d = 0; d < alpha_.size(); ++d) {
        objective += cost_[d] * alpha_[d];
        if (place_[d] == Place::fixed) continue;
        // What the share could at most still bring: rounding, at the optimum.
        double const top = ceiling(d);
        gap += std::max({0.0, -reduced_[d] * (top - alpha_[d]), reduced_[d] * alpha_[d] * (under_cap(d) ? 0.0 : 1.0),
                         under_cap(d) ? reduced_[d] * top : 0.0});
    }
    std::array sums{objective, gap};
    links_.sum(sums);
    return sums[1] / std::max(std::abs(sums[0]) + (capped_ ? cap_ : 0.0), 1e-6);
}

void FeederSimplex::prices(std::vector<double>& low, std::vector<double>& high) const {
    low.assign(nodes_.size(), 0.0);
    high.assign(nodes_.size(), 0.0);
    for (std::ptrdiff_t r = 0; r < size(); ++r) {
        auto const& row = rows_[static_cast<std::size_t>(r)];
        if (row.node < 0) continue;
        auto const i = static_cast<std::size_t>(row.node);
        (row.high ? high[i] : low[i]) = std::abs(price_(r)) / row.scale;
    }
}

}  // namespace dec::coordination
