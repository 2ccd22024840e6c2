#include "contenders.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>

namespace dec::coordination {

namespace {

using model::Vector3;
using model::Vector6;
using Vector4 = Eigen::Vector4d;

/// Whether `point` is a sum of `others` with weights >= 0 that are no more than 1 together: Lawson and Hanson's active sets for
/// least squares in four equations. \return false in doubt.
bool in_hull(Vector3 const& point, VoltageContenders const& others, std::vector<char> const& kept, std::size_t self) {
    constexpr double rounding = 1e-12;
    constexpr std::size_t zero = SIZE_MAX;
    double const scale = 1.0 / point.norm();
    Vector4 target;
    target << (1.0 + equal_parts) * scale * point, 1.0;
    auto const column = [&](std::size_t i) {
        Vector4 c;
        if (i == zero) c << 0.0, 0.0, 0.0, 1.0;
        else c << scale * others[i].vector, 1.0;
        return c;
    };
    std::array<std::size_t, 5> active{zero};
    Eigen::Matrix<double, Eigen::Dynamic, 1, 0, 5, 1> weight = Eigen::Matrix<double, 1, 1>::Ones();
    std::size_t count = 1;
    for (std::size_t round = 0; round < 3 * others.size() + 8; ++round) {
        Vector4 rest = target;
        for (std::size_t k = 0; k < count; ++k) rest -= weight(static_cast<Eigen::Index>(k)) * column(active[k]);
        if (rest.norm() <= rounding) return true;
        if (count == 4) return false;
        double best = rounding * rest.norm();
        std::size_t entering = others.size();
        auto const look = [&](std::size_t i) {
            if (std::find(active.begin(), active.begin() + static_cast<std::ptrdiff_t>(count), i) !=
                active.begin() + static_cast<std::ptrdiff_t>(count))
                return;
            Vector4 const c = column(i);
            double const gain = c.dot(rest) / c.norm();
            if (gain <= best) return;
            best = gain;
            entering = i;
        };
        look(zero);
        for (std::size_t i = 0; i < others.size(); ++i)
            if (i != self && kept[i] != 0) look(i);
        if (entering == others.size()) return false;
        active[count] = entering;
        weight.conservativeResize(static_cast<Eigen::Index>(count + 1));
        weight(static_cast<Eigen::Index>(count++)) = 0.0;
        for (;;) {
            Eigen::Matrix<double, 4, Eigen::Dynamic, 0, 4, 5> columns(4, static_cast<Eigen::Index>(count));
            for (std::size_t k = 0; k < count; ++k) columns.col(static_cast<Eigen::Index>(k)) = column(active[k]);
            decltype(weight) const wanted = columns.colPivHouseholderQr().solve(target);
            double step = 1.0;
            for (Eigen::Index k = 0; k < wanted.size(); ++k)
                if (wanted(k) <= 0.0) step = std::min(step, weight(k) / (weight(k) - wanted(k)));
            if (!(step >= 0.0)) return false;
            weight += step * (wanted - weight);
            if (step >= 1.0) break;
            std::size_t left = 0;
            for (std::size_t k = 0; k < count; ++k) {
                if (weight(static_cast<Eigen::Index>(k)) <= rounding) continue;
                active[left] = active[k];
                weight(static_cast<Eigen::Index>(left++)) = weight(static_cast<Eigen::Index>(k));
            }
            if (left == count || left == 0) return false;
            count = left;
            weight.conservativeResize(static_cast<Eigen::Index>(count));
        }
    }
    return false;
}

/// Among limits that are the same the first stands for all.
template <class List>
void merge_equal(List& list) {
    std::size_t left = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        double const near = equal_parts * list[i].vector.cwiseAbs().maxCoeff();
        std::size_t k = 0;
        while (k < left && (list[k].vector - list[i].vector).cwiseAbs().maxCoeff() > near) ++k;
        if (k == left) list[left++] = list[i];
        else if (list[i].order < list[k].order) list[k] = list[i];
    }
    list.resize(left);
}

/// The least of g'vector over the box.
double least(Vector6 const& vector, Cone const& cone) {
    return vector.cwiseProduct(cone.low).cwiseMin(vector.cwiseProduct(cone.high)).sum();
}

/// Whether `strong` has the larger part of every DER of the cone for which the part of `weak` is positive. That is so if and only if some
/// multiple of it by no more than 1 is at least as large for every DER; the difference is concave and in pieces linear in the multiple.
bool exceeds(Vector6 const& strong, Vector6 const& weak, Cone const& cone) {
    Vector6 const more = (1.0 + equal_parts) * weak;
    auto const holds = [&](double multiple) { return least(multiple * strong - more, cone) >= 0.0; };
    if (holds(1.0)) return true;
    for (Eigen::Index k = 0; k < 6; ++k) {
        double const multiple = more(k) / strong(k);
        if (multiple > 0.0 && multiple < 1.0 && holds(multiple)) return true;
    }
    return false;
}

}  // namespace

void Cone::include(Vector6 const& power) {
    double const size = power.cwiseAbs().maxCoeff();
    if (size > 0.0) include(Cone{power / size, power / size});
}

void Cone::include(Cone const& other) {
    if (other.empty()) return;
    if (empty()) *this = other;
    else {
        low = low.cwiseMin(other.low);
        high = high.cwiseMax(other.high);
    }
}

Cone Cone::through(model::Matrix66 const& map) const {
    if (empty()) return {};
    Vector6 const centre = map * (0.5 * (low + high));
    Vector6 const radius = map.cwiseAbs() * (0.5 * (high - low));
    Cone image{centre - radius, centre + radius};
    double const size = std::max(image.low.cwiseAbs().maxCoeff(), image.high.cwiseAbs().maxCoeff());
    if (size > 0.0) {
        image.low /= size;
        image.high /= size;
    }
    return image;
}

void keep_extreme(VoltageContenders& list) {
    std::erase_if(list, [](auto const& limit) { return limit.vector.isZero(0.0); });
    if (list.size() < 2) return;
    std::ranges::sort(list, [](auto const& a, auto const& b) {
        double const x = a.vector.squaredNorm(), y = b.vector.squaredNorm();
        return x != y ? x > y : a.order < b.order;
    });
    merge_equal(list);
    std::vector<char> kept(list.size(), 1);
    // The shortest first: they are inside more often.
    for (std::size_t i = list.size(); i-- > 1;) kept[i] = in_hull(list[i].vector, list, kept, i) ? 0 : 1;
    std::size_t left = 0;
    for (std::size_t i = 0; i < list.size(); ++i)
        if (kept[i] != 0) list[left++] = list[i];
    list.resize(left);
}

void keep_best(PowerContenders& list, Cone const& cone) {
    // Where all DERs draw nearly alike, which is at most places, what one limit has of each is more than others have of any.
    double surest = 0.0;
    for (auto const& limit : list) surest = std::max(surest, least(limit.vector, cone));
    std::erase_if(list, [&](auto const& limit) {
        double const most = -least(-limit.vector, cone);
        return most <= 0.0 || (1.0 + equal_parts) * most < surest;
    });
    if (list.size() < 2) return;
    Vector6 const centre = 0.5 * (cone.low + cone.high);
    std::ranges::sort(list, [&](auto const& a, auto const& b) {
        double const x = centre.dot(a.vector), y = centre.dot(b.vector);
        return x != y ? x > y : a.order < b.order;
    });
    merge_equal(list);
    std::size_t left = 0;
    for (std::size_t i = 0; i < list.size(); ++i) {
        std::size_t k = 0;
        while (k < left && !exceeds(list[k].vector, list[i].vector, cone)) ++k;
        if (k == left) list[left++] = list[i];
    }
    list.resize(left);
}

bool all_have_part(Vector6 const& vector, Cone const& cone) { return least(vector, cone) > 0.0; }

}  // namespace dec::coordination
