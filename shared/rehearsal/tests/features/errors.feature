Feature: Errors
  What is caught, and what becomes of it.

  Scenario: An error that no filter fits goes on
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - get: {call: http, with: {method: get, endpoint: 'https://service.test/flaky/catch-filter/1/503'}}
          catch:
            errors: {with: {status: 500}}
            retry: {limit: {attempt: {count: 5}}}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    status: 503
    """

  Scenario: The types of older documents mean the same
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [fail: {raise: {error: {type: 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', status: 408}}}]
          catch:
            errors: {with: {type: 'https://open-workflow-specification.org/dsl/errors/types/timeout'}}
            do: [caught: {set: {caught: true}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: An error is caught only when a condition holds
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - outer:
          try:
            - inner:
                try: [fail: {raise: {error: {type: 'https://example.com/odd', status: 418, detail: '${ "no \(.what)" }'}}}]
                catch: {when: .status == 500, do: [wrong: {set: {caught: inner}}]}
          catch: {exceptWhen: .status == 500, as: why, do: [right: {set: {caught: outer, detail: '${ $why.detail }'}}]}
    """
    And given the workflow input is:
    """yaml
    what: coffee
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: outer
    detail: no coffee
    """
    And wrong should not run
    And fail should fault

  Scenario: A caught error decides what follows
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [fail: {raise: {error: broken}}]
          catch: {then: after}
      - between: {set: {at: between}, then: end}
      - after: {set: {at: after}}
    use: {errors: {broken: {type: 'https://example.com/broken', status: 500}}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    at: after
    """
    And between should not run

  Scenario: An error in the tasks about an error goes on
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [fail: {raise: {error: {type: 'https://example.com/first', status: 500}}}]
          catch: {do: [worse: {raise: {error: {type: 'https://example.com/second', status: 501}}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/second
    instance: /do/0/attempt/catch/do/0/worse
    """

  Scenario: An expression that fails is an error of its task
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [odd: {set: {x: '${ .text + 1 }'}}]
          catch: {errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/expression', status: 400}}, do: [caught: {set: {caught: true}}]}
    """
    And given the workflow input is:
    """yaml
    text: a
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """

  Scenario: A workflow that never waits and never ends is ended
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - turn: {set: {x: 1}, then: turn}
    """
    When the workflow is executed
    Then the workflow should fault saying '10000 tasks' 'end the loop'

  Scenario: A function that calls itself is ended
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use: {functions: {again: {call: again}}}
    do:
      - begin: {call: again}
    """
    When the workflow is executed
    Then the workflow should fault saying '64 levels'
